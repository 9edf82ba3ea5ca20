"""Secrets that are generated once. The builder says which keys there must be, never their values.

Passwords are made of letters, digits, `-` and `_`, so that they can stand in a URL as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ip2a_operator.domain.builders.metadata import Component, manifest
from ip2a_operator.domain.builders.redis import is_wanted
from ip2a_operator.domain.logins import role, secret
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest, text
from ip2a_operator.names import AUDIT_ROLE, OWNER_ROLE


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a key gets a new value: the old one moves to `keep` (if any), where readers still accept it."""

    what: str
    key: str
    keep: str | None
    turns: bool = False
    """Whether this login takes turns with another, so that only the one that rests is changed."""
    announced: bool = False
    """Whether readers learn the new value, under `keep`, before one of them uses it: what a new pod has signed with it
    comes to older ones too."""


@dataclass(frozen=True, slots=True)
class GeneratedSecret:
    """A Secret to exist: its metadata, fixed values, and keys to fill with random ones where they are
    missing."""

    manifest: Manifest
    literal: Mapping[str, str] = field(default_factory=dict)
    generated: tuple[str, ...] = ()
    rotation: Rotation | None = None

    @property
    def name(self) -> str:
        """The Secret's name."""
        return text(self.manifest, "metadata", "name")


def secrets(stack: Stack) -> list[GeneratedSecret]:
    """Every Secret of a resource that is ours to generate."""
    found = [
        GeneratedSecret(
            _secret(stack, stack.keys_secret, Component.APP, "Opaque"),
            generated=("jwt-key", "cookie-key"),
            rotation=Rotation("jwt", "jwt-key", "jwt-previous-key", announced=True),
        )
    ]
    if stack.resource.spec.database.external is None:
        found.append(_login(stack, stack.owner_secret, OWNER_ROLE))
        if stack.has_own_roles:
            found.append(_login(stack, stack.audit_secret, AUDIT_ROLE))
        for slot in ("a", "b") if stack.logins.second else ("a",):
            for name, where in stack.turns:
                found.append(_login(stack, secret(where, slot), role(name, slot), turns=True))
    if is_wanted(stack):
        found.append(
            GeneratedSecret(
                _secret(stack, stack.redis, Component.CACHE, "Opaque"),
                generated=("password",),
                rotation=Rotation("cache", "password", "previous-password"),
            )
        )
    return found


def _login(stack: Stack, name: str, login: str, *, turns: bool = False) -> GeneratedSecret:
    return GeneratedSecret(
        _secret(stack, name, Component.DATABASE, "kubernetes.io/basic-auth"),
        literal={"username": login},
        generated=("password",),
        rotation=Rotation("database", "password", None, turns=turns),
    )


def _secret(stack: Stack, name: str, component: Component, kind: str) -> Manifest:
    metadata = dict(manifest(stack, "v1", "Secret", name, component, type=kind))
    labels = metadata["metadata"]
    # CloudNativePG reloads passwords of managed roles only from Secrets that carry this label.
    if kind == "kubernetes.io/basic-auth" and isinstance(labels, dict):
        labels["labels"] = {**labels["labels"], "cnpg.io/reload": "true"}
    return metadata
