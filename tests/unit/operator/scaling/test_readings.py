"""Answers of a real Prometheus (recorded from the embedded cluster under load) become readings; missing is not zero."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ip2a_operator.adapters.prometheus import parsed, vector
from ip2a_operator.domain.autoscaling.signals import Status, validate
from ip2a_operator.domain.autoscaling.snapshot import Name, Reading, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.scaling.queries import parts
from ip2a_operator.domain.scaling.readings import NEVER, Expected, Grouped, PodUsage, Sample, Usage, grouped, readings
from tests.unit.operator.autoscaling.worlds import FLEET

RECORDED = Path(__file__).parent / "recorded" / "loaded.json"
EXPECTED = Expected(
    app_pods=8,
    writing_pods=1,
    reading_pods=1,
    replicas=1,
    cpu_per_pod=0.2,
    primary_cores=2.0,
    replica_cores=2.0,
)
NOTHING = Usage()
KEY = ("ip2a", "local46")


def recorded() -> tuple[float | None, dict[str, float]]:
    samples = vector(parsed(RECORDED.read_bytes(), 200, "recorded"))
    said = grouped(samples)
    return said.clock, dict(said.resources[KEY])


def read(
    answers: dict[str, float] | None, expected: Expected = EXPECTED, usage: Usage = NOTHING
) -> dict[Name, Reading]:
    clock, _ = recorded()
    return readings(answers, clock, expected, usage)


def without(*parts: str) -> dict[str, float]:
    _, answers = recorded()
    return {part: value for part, value in answers.items() if part not in parts}


def test_the_recorded_answer_has_every_critical_signal_fresh() -> None:
    found = read(recorded()[1])
    judged = validate(Snapshot(found, FLEET), None, ScalerSpec())
    assert judged.fresh, judged.bad
    assert found[Name.OFFERED].value == pytest.approx(359.6, abs=0.1)
    assert found[Name.APP_CPU].value == pytest.approx(0.471, abs=0.001)
    assert found[Name.ERROR_RATE].value == 0.0
    assert found[Name.RW_RATE].value == pytest.approx(8.33, abs=0.01)
    assert found[Name.PRIMARY_CPU].value == pytest.approx(0.0166, abs=0.0001)
    assert found[Name.CHECKOUT_WAIT].value == pytest.approx(0.0000239, abs=1e-6)
    assert found[Name.CACHE_HIT].value is None if Name.CACHE_HIT in found else True


def test_ages_are_by_the_clock_of_prometheus() -> None:
    found = read(recorded()[1])
    assert found[Name.OFFERED].age == pytest.approx(0.093, abs=0.001)
    assert found[Name.RO_BUSY].age == pytest.approx(2.343, abs=0.001)
    assert found[Name.PRIMARY_CPU].age == pytest.approx(12.785, abs=0.001)


def test_every_signal_of_the_core_has_a_source() -> None:
    """What nothing delivers would be a rule that only the simulator knows."""
    answers = {f"{part}{side}": 1.0 for part in parts(5.0) for side in ("", ":rw", ":ro")}
    pod = PodUsage("app-1", "app", 0.1, 2.0)
    assert set(readings(answers, 100.0, EXPECTED, Usage(app=(pod,)))) == set(Name)


@pytest.mark.parametrize(("waited", "seen"), [(0.0, 0.0), (10.0, 0.0), (50.0, 0.3)])
def test_a_queue_counts_when_more_than_one_in_twenty_waits(waited: float, seen: float) -> None:
    """The app's histogram has only those that waited; 360 requests a second are offered."""
    _, answers = recorded()
    assert read({**answers, "queue.waited": waited, "queue.p95": 0.3})[Name.QUEUE_P95].value == seen
    assert read(without("offered")).get(Name.QUEUE_P95) is None


def test_no_answer_is_no_reading() -> None:
    assert read(None) == {}
    assert readings({}, 100.0, EXPECTED) == {}


def test_a_label_never_counted_is_zero_only_in_a_filled_window() -> None:
    filled = read(without("failed"))
    assert filled[Name.ERROR_RATE].value == 0.0
    assert filled[Name.SERVED].value is not None
    empty = read(without("offered", "failed", "served"))  # Prometheus is just back: one sample, no rate
    assert Name.ERROR_RATE not in empty
    assert Name.SERVED not in empty
    assert Name.OFFERED not in empty


def test_a_pooler_that_nobody_used_yet_is_idle_not_unknown() -> None:
    unused = without("pool.busy:ro", "pool.rate:ro", "pool.wait:ro", "pool.active:ro", "pool.queue:ro")
    assert read(unused)[Name.RO_BUSY].value == 0.0
    dark = {part: value for part, value in unused.items() if part != "pool.window:ro"}
    assert Name.RO_BUSY not in read(dark)


def test_transactions_that_never_end_count_as_busy() -> None:
    answers = recorded()[1] | {"pool.busy:rw": 0.1, "pool.active:rw": 8.0, "pool.queue:rw": 3.0}
    found = read(answers)
    assert found[Name.RW_BUSY].value == 8.0
    assert found[Name.RW_WAITING].value == 3.0


def test_pods_not_scraped_lower_the_coverage() -> None:
    found = read(recorded()[1] | {"app.fresh": 4.0})
    assert found[Name.OFFERED].coverage == 0.5
    judged = validate(Snapshot(found, FLEET), None, ScalerSpec())
    assert judged.by_name[Name.OFFERED].status is Status.SUSPECT
    assert Name.OFFERED in judged.bad


def test_a_sample_without_a_time_is_as_old_as_can_be() -> None:
    assert read(without("app.at"))[Name.OFFERED].age == NEVER


def test_lag_of_an_idle_primary_means_nothing() -> None:
    answers = recorded()[1] | {"lag": 300.0}
    assert read(answers | {"walRate": 0.0})[Name.LAG].value == 0.0
    assert read(answers | {"walRate": 5.0})[Name.LAG].value == 300.0


def test_the_metrics_api_is_asked_where_prometheus_has_nothing_of_the_kubelet() -> None:
    usage = Usage(
        app=(PodUsage("a", "app", 0.1, 5.0), PodUsage("b", "app", 0.18, 9.0)),
        primary=PodUsage("p", "postgres", 1.0, 7.0),
        replicas=(PodUsage("r", "postgres", 0.5, 8.0),),
    )
    found = read(without("cpu.primary", "cpu.replica"), usage=usage)
    assert found[Name.KUBELET_CPU] == Reading(0.7, 9.0, 0.25)
    assert found[Name.PRIMARY_CPU] == Reading(0.5, 7.0)
    assert found[Name.REPLICA_CPU] == Reading(0.25, 8.0)
    assert read(recorded()[1], usage=usage)[Name.PRIMARY_CPU].age == pytest.approx(12.785, abs=0.001)
    starting = replace(usage, starting=1)
    assert read(None, usage=starting)[Name.KUBELET_CPU].coverage > read(None, usage=usage)[Name.KUBELET_CPU].coverage
    assert read(None, usage=usage)[Name.KUBELET_CPU].value == 0.7


def test_values_that_are_no_numbers_are_left_out() -> None:
    who = {"namespace": "ip2a", "ip2a": "local46"}
    said = grouped(
        [
            Sample({"signal": "nodes.free"}, 1.5),
            Sample({**who, "signal": "p95"}, float("nan")),
            Sample({**who, "signal": "users"}, float("inf")),
            Sample({**who, "signal": "offered"}, 1.0),
            Sample({"signal": "offered"}, 7.0),
        ]
    )
    assert said == Grouped(None, 1.5, {KEY: {"offered": 1.0}})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "without JSON"),
        (json.dumps({"status": "error", "error": "query timed out"}).encode(), "query timed out"),
        (b"[]", "not a success"),
    ],
)
def test_what_is_not_an_answer_is_an_error(body: bytes, words: str) -> None:
    from ip2a_operator.errors import UnavailableError  # noqa: PLC0415

    with pytest.raises(UnavailableError, match=words):
        parsed(body, 200, "http://prometheus")


def test_malformed_samples_are_left_out() -> None:
    data: dict[str, Any] = {"result": [{"metric": {}, "value": [1, "x"]}, {"metric": {}}, {"value": [1, "2"]}]}
    assert [sample.value for sample in vector(data)] == [2.0]
