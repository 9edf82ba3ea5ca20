"""One IP2A as the operator understands it: parsed once, then frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from ip2a_operator.api.autoscaling import AutoscalingStatus
from ip2a_operator.api.conditions import SCALING, Condition
from ip2a_operator.api.v1alpha1 import IP2ASpec, IP2AStatus
from ip2a_operator.domain.tree import Tree, branch, number, strings, text
from ip2a_operator.errors import InvalidSpecError
from ip2a_operator.names import PAUSED_ANNOTATION


@dataclass(frozen=True, slots=True)
class Resource:
    """Metadata, spec and the status that was published last."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: IP2ASpec
    status: IP2AStatus = field(default_factory=IP2AStatus)
    """The operator's part of it."""
    scaling: AutoscalingStatus | None = None
    """The autoscaler's part of it."""
    scaling_conditions: tuple[Condition, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    deleted_at: datetime | None = None

    @property
    def paused(self) -> bool:
        """Whether nothing may be changed."""
        return self.spec.paused or self.annotations.get(PAUSED_ANNOTATION) == "true"

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions published last."""
        return self.status.conditions


def parse(raw: Tree) -> Resource:
    """The resource behind an object of the API.

    Raises InvalidSpecError, naming the field, for what an older or missing CRD let through.
    """
    metadata = branch(raw, "metadata")
    try:
        spec = IP2ASpec.model_validate(branch(raw, "spec"))
    except ValidationError as error:
        raise InvalidSpecError(explain(error)) from error
    deleted = text(metadata, "deletionTimestamp")
    status = parse_status(branch(raw, "status"))
    return Resource(
        name=text(metadata, "name"),
        namespace=text(metadata, "namespace"),
        uid=text(metadata, "uid"),
        generation=number(metadata, "generation"),
        spec=spec,
        status=own_part(status),
        scaling=parse_scaling(branch(raw, "status", "autoscaling")),
        scaling_conditions=tuple(each for each in status.conditions if each.type in SCALING),
        annotations=strings(metadata, "annotations"),
        deleted_at=datetime.fromisoformat(deleted) if deleted else None,
    )


def parse_status(raw: Tree) -> IP2AStatus:
    """The published status; one that cannot be understood counts as none, it is written anew anyway."""
    try:
        return IP2AStatus.model_validate({key: value for key, value in raw.items() if key != "autoscaling"})
    except ValidationError:
        return IP2AStatus()


def own_part(status: IP2AStatus) -> IP2AStatus:
    """Without what the autoscaler publishes: its fields belong to another field manager."""
    conditions = tuple(each for each in status.conditions if each.type not in SCALING)
    return status.model_copy(update={"conditions": conditions, "autoscaling": None})


def parse_scaling(raw: Tree) -> AutoscalingStatus | None:
    """What the autoscaler published last; None when there is nothing, or nothing that can be understood."""
    if not raw:
        return None
    try:
        return AutoscalingStatus.model_validate(raw)
    except ValidationError:
        return None


def explain(error: ValidationError) -> str:
    """Pydantic's errors as `spec.users: Input should be …; …`."""
    parts = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(["spec", *(str(step) for step in item["loc"])])
        parts.append(f"{path}: {item['msg']}")
    return "; ".join(parts)
