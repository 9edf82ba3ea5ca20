"""What pods of ours have in common: restricted security, spread over nodes and zones, no token, amounts."""

from collections.abc import Mapping, Sequence

from ip2a_operator.api.workload import Resources
from ip2a_operator.domain.builders.metadata import Component, selector
from ip2a_operator.domain.capacity import Amounts
from ip2a_operator.domain.stack import Stack

HIGH_ID = 10001
"""User and group of our own containers; above 10,000 so that it is nobody's on the node."""
EPHEMERAL_REQUEST = "32Mi"
EPHEMERAL_LIMIT = "1Gi"


def pod_security(user: int = HIGH_ID) -> dict[str, object]:
    """PodSecurity `restricted`, on the pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, object]:
    """PodSecurity `restricted`, on a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def resources(amounts: Amounts, given: Resources | None = None) -> dict[str, object]:
    """Requests and limits; a given amount wins over the derived one."""
    requests = {
        "cpu": cpu(amounts.cpu),
        "memory": f"{amounts.memory}Mi",
        "ephemeral-storage": EPHEMERAL_REQUEST,
    }
    limits = {
        "cpu": cpu(amounts.cpu_limit),
        "memory": f"{amounts.memory_limit}Mi",
        "ephemeral-storage": EPHEMERAL_LIMIT,
    }
    if given is not None:
        for target, source in ((requests, given.requests), (limits, given.limits)):
            if source is not None:
                target.update({key: value for key, value in source.model_dump().items() if value is not None})
    return {"requests": requests, "limits": limits}


def cpu(milli: int) -> str:
    """Thousandths of a core as Kubernetes canonicalises them, so that live and wanted compare equal."""
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def priority(stack: Stack) -> dict[str, object]:
    """The PriorityClass of a pod, where one is asked for."""
    name = stack.resource.spec.priority_class_name
    return {"priorityClassName": name} if name else {}


def spread(stack: Stack, component: Component) -> list[dict[str, object]]:
    """Over zones and nodes, when there are several."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(stack, component)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def environment(values: Mapping[str, str]) -> list[dict[str, object]]:
    """Literal variables, the empty ones left out: they are the program's defaults."""
    return [{"name": name, "value": value} for name, value in values.items() if value]


def from_secret(name: str, secret: str, key: str, *, optional: bool = False) -> dict[str, object]:
    """A variable whose value is a key of a Secret."""
    reference: dict[str, object] = {"name": secret, "key": key}
    if optional:
        reference["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def empty_dirs(paths: Sequence[str]) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Volumes and mounts that make these paths writable."""
    volumes: list[dict[str, object]] = []
    mounts: list[dict[str, object]] = []
    for position, path in enumerate(paths):
        volumes.append({"name": f"writable-{position}", "emptyDir": {}})
        mounts.append({"name": f"writable-{position}", "mountPath": path})
    return volumes, mounts
