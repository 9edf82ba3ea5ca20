"""What a plan can ask for. Values only; the executor knows how."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ip2a_operator.domain.builders.secrets import GeneratedSecret
from ip2a_operator.domain.observed import Ref, ref_of
from ip2a_operator.domain.tree import Manifest


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of a manifest. `known` says whether the object was seen and is ours."""

    manifest: Manifest
    known: bool
    why: str

    @property
    def ref(self) -> Ref:
        """The object."""
        return ref_of(self.manifest)


@dataclass(frozen=True, slots=True)
class EnsureSecret:
    """Make a Secret with random values for keys that it lacks; values that are there stay."""

    secret: GeneratedSecret
    known: bool

    @property
    def ref(self) -> Ref:
        """The object."""
        return ref_of(self.secret.manifest)


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Give a key of a Secret a new random value, keeping the old one where the rotation says."""

    secret: GeneratedSecret
    token: str
    step: Literal["whole", "announce", "adopt"] = "whole"
    """Announce: the new value is only kept, for readers to accept. Adopt: it and the present one change places."""
    serial: int | None = None
    """Of a login that takes turns: the number that makes it the newest."""

    @property
    def ref(self) -> Ref:
        """The object."""
        return ref_of(self.secret.manifest)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly the object with this identity."""

    ref: Ref
    uid: str
    why: str


Action = Apply | EnsureSecret | RotateSecret | Delete


class NoticeKind(StrEnum):
    """Severity of an event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Notice:
    """An event about the resource."""

    kind: NoticeKind
    reason: str
    message: str
