"""Other scalers that set the same numbers. Two of them on one object fight; the older one wins and we say so."""

from collections.abc import Iterable, Mapping

from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Tree, branch, text
from ip2a_operator.names import KIND

TARGET_PATHS: Mapping[str, tuple[str, ...]] = {
    "HorizontalPodAutoscaler": ("spec", "scaleTargetRef"),
    "ScaledObject": ("spec", "scaleTargetRef"),
    "VerticalPodAutoscaler": ("spec", "targetRef"),
}


def target_of(scaler: Tree, kind: str) -> tuple[str, str]:
    """Kind and name of what a scaler scales; KEDA leaves the kind out for a Deployment."""
    target = branch(scaler, *TARGET_PATHS[kind])
    return text(target, "kind") or "Deployment", text(target, "name")


def rivals(stack: Stack, scalers: Iterable[tuple[str, Tree]]) -> tuple[str, ...]:
    """`kind/name` of every scaler of this namespace that targets what we scale, in order."""
    ours = {
        ("Deployment", stack.app),
        ("Pooler", stack.write_pool),
        ("Pooler", stack.read_pool),
        ("Cluster", stack.database),
        (KIND, stack.name),
    }
    return tuple(
        sorted(
            f"{kind}/{text(scaler, 'metadata', 'name')}"
            for kind, scaler in scalers
            if text(scaler, "metadata", "namespace") == stack.namespace
            and target_of(scaler, kind) in ours
            and text(scaler, "spec", "updatePolicy", "updateMode") != "Off"  # a VPA that only recommends
        )
    )
