"""Prometheus' answers as figures of the whole platform; the real one is asked in tests/services/app/administration."""

from __future__ import annotations

from typing import Any

import pytest

from ip2a.observability.fleet import FleetJobs, FleetPool, Owner, course_of, fleet_of, owner_of, question


def sample(signal: str, value: object, **labels: str) -> dict[str, Any]:
    return {"metric": {"signal": signal, **labels}, "value": [1_764_252_000.0, str(value)]}


ANSWER = [
    sample("processes", 3),
    sample("requests", 40),
    sample("failed", 2),
    sample("shed", 0.5),
    sample("p95", 0.12),
    sample("in_flight", 7),
    sample("users", 80),
    sample("cache", 30, result="hit"),
    sample("cache", 10, result="miss"),
    sample("cache", 9, result="filled"),
    sample("lag", 0.25),
    sample("used", 4, engine="write"),
    sample("limit", 30, engine="write"),
    sample("waited", "NaN", engine="write"),
    sample("used", 6, engine="read"),
    sample("limit", 20, engine="read"),
    sample("waited", 0.002, engine="read"),
    sample("jobs", 5, kind="mail", state="waiting"),
    sample("jobs", 0, kind="report", state="dead"),
    sample("late", 12, kind="mail"),
]


def test_every_figure_has_its_unit() -> None:
    fleet = fleet_of(ANSWER)
    assert fleet is not None
    assert (fleet.processes, fleet.per_second, fleet.failed_share, fleet.shed_per_second) == (3, 40, 0.05, 0.5)
    assert (fleet.p95, fleet.in_flight, fleet.users, fleet.hit_share, fleet.lag) == (120, 7, 80, 0.75, 0.25)
    assert fleet.pools == [FleetPool("read", 6, 20, 2.0), FleetPool("write", 4, 30, None)]
    assert fleet.jobs == [FleetJobs("mail", "waiting", 5, 12)]


def test_what_nobody_tells_is_not_known() -> None:
    assert fleet_of([]) is None
    quiet = fleet_of([sample("processes", 1), sample("p95", "NaN")])
    assert quiet is not None
    assert (quiet.per_second, quiet.failed_share, quiet.p95, quiet.hit_share, quiet.lag) == (0, None, None, None, None)
    assert (quiet.pools, quiet.jobs) == ([], [])


@pytest.mark.parametrize("answer", [[{}], [{"metric": {}, "value": ["1", "many"]}], [{"metric": {}, "value": 3}]])
def test_something_else_than_an_answer_is_refused(answer: list[dict[str, Any]]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        fleet_of(answer)


def test_the_course_is_oldest_first() -> None:
    assert course_of([{"metric": {}, "values": [[1, "2"], [31, "4.5"]]}]) == [2.0, 4.5]
    assert course_of([]) == []


def test_whose_series_are_meant() -> None:
    assert owner_of("") is None
    owner = owner_of("ip2a/local46")
    assert owner == Owner("ip2a", "local46")
    assert 'namespace="ip2a",ip2a="local46",component="app"' in question(owner)
    assert "namespace" not in question(None)
    for wrong in ("local46", "/x", "a/", 'a/b"} or x{', "a/b/c"):
        with pytest.raises(ValueError, match="NAMESPACE/NAME"):
            owner_of(wrong)
