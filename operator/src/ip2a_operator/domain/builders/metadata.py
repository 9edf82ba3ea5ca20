"""Labels, selectors, owner references: the same on every object, and frozen where Kubernetes freezes them."""

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest
from ip2a_operator.names import (
    API_VERSION,
    APP_NAME,
    COMPONENT_LABEL,
    FIELD_MANAGER,
    INSTANCE_LABEL,
    KIND,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    OWNER_LABEL,
)


class Component(StrEnum):
    """What an object is part of."""

    APP = "app"
    DATABASE = "database"
    POOLER = "pooler"
    CACHE = "cache"
    MIGRATION = "migration"
    WORKER = "worker"


def selector(stack: Stack, component: Component) -> dict[str, str]:
    """Labels that select the component's pods. Never to be changed: selectors are immutable."""
    return {NAME_LABEL: APP_NAME, INSTANCE_LABEL: stack.name, COMPONENT_LABEL: component.value}


def labels(stack: Stack, component: Component) -> dict[str, str]:
    """Labels of an object and of its pods."""
    return {**selector(stack, component), MANAGED_BY_LABEL: FIELD_MANAGER, OWNER_LABEL: stack.name}


def owner_reference(stack: Stack) -> dict[str, object]:
    """Makes the garbage collector remove the object with the resource."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": stack.name,
        "uid": stack.resource.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def manifest(
    stack: Stack,
    api_version: str,
    kind: str,
    name: str,
    component: Component,
    *,
    annotations: Mapping[str, str] | None = None,
    **content: object,
) -> Manifest:
    """An object with the metadata that all objects of a resource have."""
    metadata: dict[str, object] = {
        "name": name,
        "namespace": stack.namespace,
        "labels": labels(stack, component),
        "ownerReferences": [owner_reference(stack)],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def budget(stack: Stack, name: str, component: Component, chosen: Mapping[str, str]) -> Manifest:
    """A disruption budget that lets pods with these labels be evicted one at a time, broken ones always."""
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": dict(chosen)},
    }
    return manifest(stack, "policy/v1", "PodDisruptionBudget", name, component, spec=spec)


def digest(value: object) -> str:
    """A short name for a value: equal values, equal digests."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:16]
