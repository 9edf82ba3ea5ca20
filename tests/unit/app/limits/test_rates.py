from hypothesis import given
from hypothesis import strategies as st

from ip2a.limits.rates import ADMIN, MEMBER, STAFF, LocalLimiter, Rate, rate_of


def test_the_most_generous_role_decides() -> None:
    assert rate_of(["member"]) == MEMBER
    assert rate_of(["applicant"]) == MEMBER
    assert rate_of(["member", "staff"]) == STAFF
    assert rate_of(["instructor", "admin"]) == ADMIN
    assert (MEMBER.per_minute, STAFF.per_hour, ADMIN.per_hour) == (60, 10_000, 50_000)


def test_a_full_window_refuses_until_it_has_slid() -> None:
    limiter, rate = LocalLimiter(), Rate("test", 3, 100)
    assert [limiter.count(b"k", rate, 600.0).wait for _ in range(4)] == [0, 0, 0, 60]
    assert limiter.count(b"other", rate, 600.0).wait == 0
    assert limiter.count(b"k", rate, 661.0).wait > 0, "the last minute still holds almost three"
    assert limiter.count(b"k", rate, 685.0).wait == 0


def test_the_hour_counts_too() -> None:
    limiter, rate = LocalLimiter(), Rate("test", 100, 5)
    answers = [limiter.count(b"k", rate, 7200.0 + 61 * n) for n in range(6)]
    assert [answer.wait == 0 for answer in answers] == [True] * 5 + [False]


@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=200))
def test_never_more_than_the_rate_within_a_minute(gaps: list[float]) -> None:
    limiter, rate, now = LocalLimiter(), Rate("test", 5, 10_000), 0.0
    allowed: list[float] = []
    for gap in gaps:
        now += gap
        if limiter.count(b"k", rate, now).wait == 0:
            allowed.append(now)
    for minute in {int(moment // 60) for moment in allowed}:
        assert sum(int(moment // 60) == minute for moment in allowed) <= rate.per_minute
