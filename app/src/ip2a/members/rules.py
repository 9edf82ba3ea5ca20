"""What may become of a membership. Pure."""

from ip2a.members.models import MemberStatus as S

FOLLOWING: dict[S, frozenset[S]] = {
    S.ACTIVE: frozenset({S.INACTIVE, S.SUSPENDED, S.RETIRED, S.DECEASED}),
    S.INACTIVE: frozenset({S.ACTIVE, S.RETIRED, S.DECEASED}),
    S.SUSPENDED: frozenset({S.ACTIVE, S.INACTIVE, S.RETIRED, S.DECEASED}),
    S.RETIRED: frozenset({S.ACTIVE, S.DECEASED}),
    S.DECEASED: frozenset(),
}


def may_become(current: S, wanted: S) -> bool:
    """Whether a membership may change from one standing to the other; staying is no change."""
    return wanted is current or wanted in FOLLOWING[current]
