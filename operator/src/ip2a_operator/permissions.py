"""The one list of what the code asks of the API server; the chart's roles are compared with it."""

from typing import Final, Literal, NamedTuple

from ip2a_operator.api.kinds import OWNED, POD_USAGE, READ, REFERENCED, SCALERS
from ip2a_operator.names import GROUP, PLURAL


class Rule(NamedTuple):
    """Verbs on one resource. `watched`: where IP2A resources are; `own`: in the operator's own namespace."""

    group: str
    resource: str
    verbs: frozenset[str]
    where: Literal["watched", "own"]


RULES: Final = (
    # patch adds and removes the finalizer; kopf does that on the object itself.
    Rule(GROUP, PLURAL, READ | {"patch"}, "watched"),
    Rule(GROUP, f"{PLURAL}/status", frozenset({"patch"}), "watched"),
    # blockOwnerDeletion in owner references needs it where OwnerReferencesPermissionEnforcement is on.
    Rule(GROUP, f"{PLURAL}/finalizers", frozenset({"update"}), "watched"),
    *(Rule(kind.group, kind.plural, kind.verbs, "watched") for kind in OWNED),
    *(Rule(kind.group, kind.plural, kind.verbs, "watched") for kind in (*REFERENCED, *SCALERS, POD_USAGE)),
    Rule("events.k8s.io", "events", frozenset({"create"}), "watched"),
    Rule("coordination.k8s.io", "leases", frozenset({"get", "create", "update"}), "own"),
)
