"""Who may do what: the seven roles and their `resource:action` permissions.

The table is docs/app.md's. Pure: a request's roles in, decisions out.
"""

from collections.abc import Iterable
from functools import lru_cache

from ip2a.auth.models import RoleName

ALL = "*"
ADMINISTRATION = frozenset({"users", "system"})


def _all_of(*resources: str) -> frozenset[str]:
    return frozenset(f"{resource}:{ALL}" for resource in resources)


ROLE_PERMISSIONS: dict[RoleName, frozenset[str]] = {
    RoleName.ADMIN: frozenset({f"{ALL}:{ALL}"}),
    RoleName.OFFICER: _all_of(
        "members",
        "students",
        "organizations",
        "grievances",
        "benevolence",
        "dues",
        "referrals",
        "organizing",
        "grants",
        "reports",
        "files",
        "cohorts",
        "instructors",
    )
    | {"adjustments:approve", "rates:manage"},
    RoleName.STAFF: _all_of("members", "students", "dues", "referrals", "files", "cohorts", "instructors")
    | {
        "organizations:read",
        "organizations:update",
        "grievances:create",
        "grievances:read",
        "grievances:update",
        "benevolence:create",
        "benevolence:read",
        "grants:read",
        "reports:standard",
    },
    RoleName.ORGANIZER: _all_of("organizing") | {"members:read", "organizations:read", "files:create", "files:read"},
    RoleName.INSTRUCTOR: _all_of("students")
    | {"cohorts:read", "files:create", "files:read", "hours:create", "hours:read"},
    RoleName.MEMBER: _all_of("self") | {"dues:pay"},
    RoleName.APPLICANT: _all_of("application") | {"self:read", "self:update"},
}

# Resources whose rows belong to one member each: row-level security opens them all to a role that may read them.
MEMBER_RESOURCES = (
    "members",
    "dues",
    "referrals",
    "students",
    "grievances",
    "benevolence",
    "organizing",
    "grants",
    "files",
    "reports",
    "users",
    "cohorts",
    "instructors",
)

AUDIT_EVERYTHING = "audit"
# What of the audit trail a role sees: all of it, its own actions, records of members, records of accounts.
ROLE_AUDIT_VIEWS: dict[RoleName, frozenset[str]] = {
    RoleName.ADMIN: frozenset({AUDIT_EVERYTHING}),
    RoleName.OFFICER: frozenset({"audit_members", "audit_users"}),
    RoleName.STAFF: frozenset({"audit_own"}),
    RoleName.ORGANIZER: frozenset({"audit_own", "audit_members"}),
    RoleName.INSTRUCTOR: frozenset({"audit_own"}),
}
AUDIT_VIEWS = frozenset().union(*ROLE_AUDIT_VIEWS.values())

# Which notes about members a role sees beside its own ones.
ROLE_NOTE_VIEWS: dict[RoleName, frozenset[str]] = {
    RoleName.ADMIN: frozenset({"notes", "notes_staff_only", "notes_officers", "notes_all_authorized"}),
    RoleName.OFFICER: frozenset({"notes", "notes_officers", "notes_all_authorized"}),
    RoleName.ORGANIZER: frozenset({"notes", "notes_officers", "notes_all_authorized"}),
    RoleName.STAFF: frozenset({"notes", "notes_all_authorized"}),
}


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """The union of what the roles grant; an unknown role grants nothing."""
    return _permissions(frozenset(roles))


@lru_cache(maxsize=256)
def _permissions(roles: frozenset[str]) -> frozenset[str]:
    known = {role.value: grants for role, grants in ROLE_PERMISSIONS.items()}
    return frozenset().union(*(known.get(role, frozenset()) for role in roles))


def permits(roles: Iterable[str], permission: str) -> bool:
    """Whether any of the roles grants `resource:action`, by name or by wildcard."""
    return grants(permissions_of(roles), permission)


def grants(granted: frozenset[str], permission: str) -> bool:
    """Whether these permissions hold `resource:action`, by name or by wildcard."""
    resource = permission.partition(":")[0]
    return not granted.isdisjoint({permission, f"{resource}:{ALL}", f"{ALL}:{ALL}"})


def is_administration(permission: str) -> bool:
    """Whether the permission is about accounts or the platform itself."""
    return permission.partition(":")[0] in ADMINISTRATION


def visible_resources(roles: Iterable[str]) -> frozenset[str]:
    """Resources of which the roles may see every member's rows: what the database identity carries."""
    return _visible(frozenset(roles))


@lru_cache(maxsize=256)
def _visible(roles: frozenset[str]) -> frozenset[str]:
    known = [role for role in RoleName if role.value in roles]
    views = (table.get(role, frozenset()) for table in (ROLE_AUDIT_VIEWS, ROLE_NOTE_VIEWS) for role in known)
    return frozenset(resource for resource in MEMBER_RESOURCES if permits(roles, f"{resource}:read")).union(*views)
