"""Laws of the permission rules, for whatever roles somebody holds."""

from hypothesis import given
from hypothesis import strategies as st

from ip2a.auth.models import RoleName
from ip2a.limits.rates import rate_of
from ip2a.security.permissions import MEMBER_RESOURCES, permissions_of, permits, visible_resources

ROLES = st.frozensets(st.sampled_from([role.value for role in RoleName]))
WORDS = st.sampled_from([*MEMBER_RESOURCES, "self", "application", "adjustments", "nothing"])
ACTIONS = st.sampled_from(["read", "create", "update", "delete", "approve", "process", "dispatch"])


@given(ROLES, ROLES, WORDS, ACTIONS)
def test_roles_add_up_and_nothing_more(one: frozenset[str], other: frozenset[str], word: str, action: str) -> None:
    permission = f"{word}:{action}"
    assert permits(one | other, permission) == (permits(one, permission) or permits(other, permission))


@given(WORDS, ACTIONS, st.frozensets(st.text(max_size=20).filter(lambda name: name not in set(RoleName))))
def test_unknown_roles_grant_nothing(word: str, action: str, roles: frozenset[str]) -> None:
    assert not permits(roles, f"{word}:{action}")
    assert permissions_of(roles) == frozenset()


@given(ROLES)
def test_row_level_security_opens_no_more_than_the_permissions(roles: frozenset[str]) -> None:
    for resource in visible_resources(roles) & set(MEMBER_RESOURCES):
        assert permits(roles, f"{resource}:read")


@given(ROLES, ROLES)
def test_another_role_never_takes_away(one: frozenset[str], other: frozenset[str]) -> None:
    assert visible_resources(one) <= visible_resources(one | other)
    assert rate_of(one).per_minute <= rate_of(one | other).per_minute


@given(st.frozensets(st.sampled_from([RoleName.MEMBER.value, RoleName.APPLICANT.value])))
def test_members_and_applicants_see_nobody_elses_rows(roles: frozenset[str]) -> None:
    assert not visible_resources(roles)
