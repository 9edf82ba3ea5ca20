"""The permission table of docs/app.md, written out by hand."""

import pytest

from ip2a.auth.models import RoleName
from ip2a.security.permissions import permits, visible_resources

TABLE = {
    "members:read": "admin officer staff organizer",
    "members:update": "admin officer staff",
    "students:update": "admin officer staff instructor",
    "organizing:create": "admin officer organizer",
    "grievances:read": "admin officer staff",
    "grievances:approve": "admin officer",
    "benevolence:approve": "admin officer",
    "dues:process": "admin officer staff",
    "adjustments:approve": "admin officer",
    "rates:manage": "admin officer",
    "referrals:read": "admin officer staff",
    "referrals:create": "admin officer staff",
    "students:read": "admin officer staff instructor",
    "benevolence:create": "admin officer staff",
    "grievances:delete": "admin officer",
    "grants:read": "admin officer staff",
    "grants:update": "admin officer",
    "organizing:read": "admin officer organizer",
    "cohorts:read": "admin officer staff instructor",
    "cohorts:update": "admin officer staff",
    "instructors:read": "admin officer staff",
    "hours:create": "admin instructor",
    "students:approve": "admin officer staff instructor",
    "files:read": "admin officer staff organizer instructor",
    "files:delete": "admin officer staff",
    "dues:pay": "admin officer staff member",
    "referrals:dispatch": "admin officer staff",
    "reports:financial": "admin officer",
    "reports:standard": "admin officer staff",
    "users:manage": "admin",
    "system:config": "admin",
    "system:restore": "admin",
    "members:delete": "admin officer staff",
    "self:read": "admin member applicant",
    "self:delete": "admin member",
    "application:create": "admin applicant",
    "organizations:read": "admin officer staff organizer",
    "organizations:delete": "admin officer",
}


@pytest.mark.parametrize("permission", TABLE)
@pytest.mark.parametrize("role", list(RoleName))
def test_the_table(role: RoleName, permission: str) -> None:
    assert permits([role.value], permission) is (role.value in TABLE[permission].split())


def test_roles_add_up_and_unknown_ones_grant_nothing() -> None:
    assert permits(["instructor", "member"], "dues:pay")
    assert not permits(["root", ""], "members:read")
    assert not permits([], "self:read")


OPENED = {
    "admin": "members dues referrals students grievances benevolence organizing grants files reports users"
    " cohorts instructors"
    " audit notes notes_staff_only notes_officers notes_all_authorized",
    "officer": "members dues referrals students grievances benevolence organizing grants files reports"
    " cohorts instructors audit_members audit_users notes notes_officers notes_all_authorized",
    "staff": "members dues referrals students grievances benevolence grants files cohorts instructors audit_own notes"
    " notes_all_authorized",
    "organizer": "members organizing files audit_own audit_members notes notes_officers notes_all_authorized",
    "instructor": "students files cohorts audit_own",
    "member": "",
    "applicant": "",
}


@pytest.mark.parametrize("role", OPENED)
def test_the_database_identity_opens_rows_only_to_those_who_may_read_them(role: str) -> None:
    assert visible_resources([role]) == frozenset(OPENED[role].split())
