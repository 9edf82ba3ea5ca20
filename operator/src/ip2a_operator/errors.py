"""What can go wrong, as a tree. Each class knows the condition reason under which people see it.

OperatorError
├── InvalidSpecError        the resource cannot be understood; nothing is tried until it changes
├── ForeignObjectError      an object of the wanted name exists and belongs to somebody else
├── RejectedError           the API server refuses a manifest (admission, validation); retried slowly
├── NotLeaderError          another process holds the Lease; nothing may be written
└── UnavailableError        the API server cannot be reached or is overloaded; retried with backoff
"""

from typing import ClassVar


class OperatorError(Exception):
    """Root; `reason` is a CamelCase word for conditions, events and metrics."""

    reason: ClassVar[str] = "ReconcileError"


class InvalidSpecError(OperatorError):
    """The resource cannot be understood."""

    reason = "InvalidSpec"


class ForeignObjectError(OperatorError):
    """An object of the wanted name exists and belongs to somebody else."""

    reason = "ForeignObject"


class RejectedError(OperatorError):
    """The API server refuses a manifest."""

    reason = "Rejected"


class NotLeaderError(OperatorError):
    """Another process holds the Lease."""

    reason = "NotLeader"


class UnavailableError(OperatorError):
    """The API server cannot be reached, or asks to come back later."""

    reason = "ApiUnavailable"
