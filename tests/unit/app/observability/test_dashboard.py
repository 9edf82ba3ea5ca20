"""Figures out of looks."""

from collections.abc import Mapping

import pytest

from ip2a.observability.dashboard import dashboard, quantile
from ip2a.observability.history import Look, Series
from ip2a.observability.http import BOUNDS
from ip2a.observability.metrics import WAIT_BUCKETS
from ip2a.pages.platform import points


def look(at: float, answered: int, failed: int = 0, series: Mapping[Series, float] | None = None) -> Look:
    """So many pages answered within 1 to 2.5 ms."""
    counts = [0] * len(BOUNDS)
    counts[1] = answered
    return Look(at, {"Pages": tuple(counts)}, failed, dict(series or {}))


def test_rates_are_of_the_last_minute_only() -> None:
    figures = dashboard([look(0, 0), look(100, 50), look(150, 60), look(160, 110, failed=3)])
    assert figures.seconds == 60
    assert figures.per_second == 1
    assert figures.failed == 3
    assert [row.kind for row in figures.latencies] == ["Pages"]
    assert figures.latencies[0].answered == 60
    assert figures.latencies[0].median == pytest.approx(1.75)
    assert figures.course == [0.5, 0.2, 5]


def test_nothing_asked_is_no_latency_and_no_share() -> None:
    figures = dashboard([look(5, 7)])
    assert (figures.per_second, figures.latencies, figures.hit_share, figures.cache_up) == (0, [], None, False)


def test_shares_pools_and_classes() -> None:
    def series(hits: float, shed: float, waited: float) -> dict[Series, float]:
        name = "ip2a_admission_wait_seconds_bucket"
        later = [str(bound) for bound in WAIT_BUCKETS if bound >= 0.001]
        return {
            ("ip2a_cache_requests_total", (("read", "dues"), ("result", "hit"))): hits,
            ("ip2a_cache_requests_total", (("read", "dues"), ("result", "miss"))): 10,
            ("ip2a_cache_requests_total", (("read", "profile"), ("result", "miss"))): 0,
            ("ip2a_shed_total", (("reason", "deadline"), ("route_class", "staff"))): shed,
            ("ip2a_admission_in_flight", (("route_class", "staff"),)): 4,
            ("ip2a_admission_queued", (("route_class", "staff"),)): 2,
            **{(name, (("le", bound), ("route_class", "staff"))): waited for bound in (*later, "+Inf")},
            ("ip2a_db_pool_limit", (("engine", "write"),)): 10,
            ("ip2a_db_pool_in_use", (("engine", "write"),)): 3,
        }

    figures = dashboard([look(0, 0, series=series(0, 1, 0)), look(10, 0, series=series(30, 4, 100))])
    assert figures.hit_share == 0.75
    assert [read.read for read in figures.cached] == ["dues"]
    (staff,) = figures.admitted
    assert (staff.in_flight, staff.queued, staff.shed, figures.shed) == (4, 2, 3, 3)
    assert staff.waited == pytest.approx(0.975)
    assert [(pool.engine, pool.used, pool.limit, pool.waited) for pool in figures.pools] == [("write", 3, 10, None)]


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [((0, 0), 0.5, None), ((10, 0), 0.5, 0.5), ((1, 1), 0.5, 1), ((1, 1), 0.75, 1.5), ((0, 0, 5), 0.99, 2)],
)
def test_quantiles(counts: tuple[int, ...], share: float, expected: float | None) -> None:
    assert quantile(share, counts, (1, 2)) == expected


def test_the_curve_fits_its_box() -> None:
    assert points([0, 5, 10], 100, 40) == "0.0,39.0 50.0,20.0 100.0,1.0"
    assert points([], 100, 40) == ""
    assert points([0.0], 100, 40) == "0.0,39.0"
