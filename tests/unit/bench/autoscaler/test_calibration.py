"""The simulator against the real application: limits of CPU, the fit, the verdict."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from bench.autoscaler.calibration import fit, judge, report
from bench.autoscaler.calibration.model import Figures, Fitted, simulated, taken
from bench.autoscaler.calibration.plan import FITTING, HELD_OUT, Run, runs
from bench.autoscaler.calibration.records import background, kept
from bench.autoscaler.judge import MODEL as MODEL_FILE
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import Platform, World
from ip2a_operator.simulation.traffic import Traffic
from tests.e2e.load import PAGE, READ, WRITE, planned

MODEL = Fitted(
    quota=0.15, background=0.01, wake=0.0005, page_cpu=0.001, read_cpu=0.003, write_cpu=0.004, variation=0.3,
    query_variation=0.5, read_query=0.0006, write_query=0.0015, before=0.6, client=0.0005,
    overhead=0.002, overhead_variation=0.5,
)  # fmt: skip
MIXED = Run(
    "mixed", FITTING, pods=2, pool_write=2, pool_read=2, rates=((0.0, 60.0),), seconds=40,
    mix={PAGE: 0.5, READ: 0.3, WRITE: 0.2}, seed=5,
)  # fmt: skip


def limited(starts: float, need: float, background: float = 0.0) -> float:
    throttle = np.zeros((1, k.THROTTLE_COLUMNS))
    throttle[0, k.T_PERIOD] = -1.0
    return float(k._cpu_end(throttle, 0, starts, need, 0.15, background))


@pytest.mark.parametrize(
    ("starts", "need", "ends"),
    [
        (0.0, 0.015, 0.015),  # what one period allows, at full speed
        (0.0, 0.020, 0.105),  # 15 ms, then still until the next period, then 5 ms
        (0.095, 0.015, 0.110),  # 5 ms before the period ends, and the next one allows the rest at once
        (0.0, 0.050, 0.305),
    ],
)
def test_a_cpu_limit_stops_a_pod_until_its_next_period(starts: float, need: float, ends: float) -> None:
    assert limited(starts, need) == pytest.approx(ends, abs=1e-6)


def test_what_runs_beside_requests_is_of_the_same_limit() -> None:
    assert limited(0.0, 0.015, background=0.05) == pytest.approx(0.105, abs=1e-6)


def test_a_saturated_pod_serves_what_its_limit_allows() -> None:
    size, seconds = 4000, 20
    traffic = Traffic(
        arrival=np.linspace(0.0, 1.0, size, endpoint=False), write=np.zeros(size, np.int64), luck=np.zeros(size),
        cpu=np.ones(size), query=np.ones(size),
    )  # fmt: skip
    platform = Platform(
        cpu_request=0.001, cpu_quota=0.15, cpu_background=0.05, hit=1.0, in_flight=size, client_timeout=60
    )
    world = World(platform, traffic, length=seconds, pods=1, replicas=1, pool=1)
    for _ in range(seconds):
        world.step()
    assert world.metrics[k.M_DONE, 5:15].mean() == pytest.approx(100.0, rel=0.02)


def test_waiting_for_a_connection_is_counted_once() -> None:
    narrow = replace(MIXED, pool_write=1, rates=((0.0, 80.0),))
    assert simulated(narrow, MODEL).wait > 2 * simulated(replace(narrow, pool_write=20), MODEL).wait
    assert simulated(replace(MIXED, mix={PAGE: 1.0}), MODEL).wait == 0.0


def test_arrivals_are_planned_alike_for_equal_seeds() -> None:
    rates, mix = ((0.0, 50.0), (20.0, 200.0)), {PAGE: 0.75, WRITE: 0.25}
    found = planned(rates, 40.0, mix, 3)
    assert found == planned(rates, 40.0, mix, 3)
    assert found != planned(rates, 40.0, mix, 4)
    assert sum(due.at < 20.0 for due in found) == pytest.approx(1000, rel=0.1)
    assert sum(due.at >= 20.0 for due in found) == pytest.approx(4000, rel=0.1)
    assert sum(due.kind == WRITE for due in found) == pytest.approx(1250, rel=0.1)
    assert max(due.at for due in found) < 40.0


def test_a_second_without_load_is_passed() -> None:
    assert {int(due.at) for due in planned(((0.0, 0.0), (3.0, 100.0)), 5.0, {PAGE: 1.0}, 1)} == {3, 4}


def test_an_idle_pod_pays_more_to_begin() -> None:
    lazy = replace(MODEL, wake=0.002)
    quiet, busy = (replace(MIXED, rates=((0.0, rate),)) for rate in (20.0, 140.0))

    def extra(run: Run) -> float:
        return (simulated(run, lazy).cpu - simulated(run, replace(lazy, wake=0.0)).cpu) / run.rates[0][1]

    assert extra(quiet) > 1.5 * extra(busy)


def document(run: Run, figures: Figures) -> dict[str, object]:
    """What reality.py would keep if the cluster showed these figures."""
    queries = sum(due.kind != PAGE for due in run.arrivals())
    counted = {
        "elapsed": float(run.seconds), "cpu": figures.cpu * run.seconds, "rw.wait": figures.wait * queries,
        "ro.wait": 0.0, "rw.held": figures.held * queries, "ro.held": 0.0,
    }  # fmt: skip
    return {"counted": counted, "milliseconds": [1000.0 * figures.p50] * len(run.arrivals())}


def test_answers_wait_for_a_client_that_takes_one_after_the_other() -> None:
    found = taken(np.array([1.0, 0.0, 1.1, 1.05]), 0.1)
    assert found == pytest.approx([1.1, 0.1, 1.3, 1.2])


def test_what_others_hold_is_not_the_loads() -> None:
    truth = simulated(MIXED, MODEL)
    with_others = document(MIXED, truth)
    counted = with_others["counted"]
    assert isinstance(counted, dict)
    counted["rw.held"] += 0.01 * MIXED.seconds
    found = fit.observed(MIXED, with_others, 0.01)
    assert found.held == pytest.approx(truth.held)
    assert found.cpu == pytest.approx(truth.cpu)


def test_the_fit_finds_a_model_that_shows_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: fit.SEARCHED[name] for name in ("page_cpu", "overhead")}
    start = {name: value for name, (value, _, _) in fit.SEARCHED.items()}
    truth = Fitted(quota=0.15, **(start | {"page_cpu": 0.0014, "overhead": 0.004}))
    runs_ = [
        replace(MIXED, mix={PAGE: 1.0}, rates=((0.0, rate),), seed=number) for number, rate in enumerate((30.0, 150.0))
    ]
    monkeypatch.setattr(fit, "observed", lambda run, _document, _background: simulated(run, truth))
    monkeypatch.setattr(fit, "STARTS", start)
    monkeypatch.setattr(fit, "SEARCHED", few)
    found = fit.fitted([(run, {}) for run in runs_], 0.15, 0.0)
    assert found.page_cpu == pytest.approx(truth.page_cpu, rel=0.05)
    assert found.overhead == pytest.approx(truth.overhead, rel=0.1)


def test_nothing_is_off_for_the_truth_and_more_so_further_from_it() -> None:
    truth = simulated(MIXED, MODEL)
    assert not any(fit.residuals(truth, truth))
    near, far = (sum(map(abs, fit.residuals(truth, replace(truth, p95=truth.p95 * factor)))) for factor in (1.1, 1.5))
    assert 0.0 < near < far


REAL = [
    Figures(p50=0.01, p95=value, throughput=100.0, wait=0.004, held=0.002, cpu=0.2) for value in (0.095, 0.1, 0.105)
]


@pytest.mark.parametrize(
    ("p95", "wait", "expected"),
    [
        (0.115, 0.004, {"p95": 1.0, "wait": 0.0}),  # 15 % is as much as three standard deviations of 5 ms here
        (0.1, 0.006, {"p95": 0.0, "wait": 1.0}),  # 2 ms are more than a quarter of 4 ms
        (0.13, 0.0, {"p95": 2.0, "wait": 2.0}),
    ],
)
def test_shares_of_the_tolerance(p95: float, wait: float, expected: dict[str, float]) -> None:
    found = judge.shares(REAL, replace(REAL[0], p95=p95, wait=wait))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["throughput"] == 0.0


def test_a_wide_spread_of_repeats_is_tolerated() -> None:
    wide = [replace(each, p95=value) for each, value in zip(REAL, (0.05, 0.1, 0.15), strict=True)]
    assert judge.shares(wide, replace(REAL[0], p95=0.25))["p95"] == pytest.approx(1.0)


def test_one_repeat_has_no_spread() -> None:
    with pytest.raises(ValueError, match="two repeats"):
        judge.shares(REAL[:1], REAL[0])


def test_committed_verdicts_are_those_of_the_committed_runs() -> None:
    document = json.loads(MODEL_FILE.read_text())
    model, held_out = Fitted(**document["fitted"]), [run for run in runs() if run.purpose == HELD_OUT]
    for run in held_out:
        real = [fit.observed(run, each, background()) for each in kept(run)]
        assert len(real) == run.repeats
        shares = judge.shares(real, simulated(run, model))
        assert document["heldOut"][run.name]["shares"] == pytest.approx(shares, abs=0.02)
        assert document["figures"][f"model_pool_wait_error/{run.name}"] == pytest.approx([shares["wait"]], abs=0.02)
    text = "\n".join(report.section())
    assert all(f"| {run.name} |" in text for run in runs())


def test_without_runs_the_document_says_so(tmp_path: Path) -> None:
    assert report.section(tmp_path / "none.json") == ["Not measured."]
    assert report.MEANING.keys() == {field.name for field in fields(Fitted)}


def test_three_runs_are_held_out_of_the_fit_and_repeated() -> None:
    held_out = [run for run in runs() if run.purpose == HELD_OUT]
    assert len(held_out) >= 3
    assert all(run.repeats >= 3 for run in held_out)
    assert any(run.pool_write == 1 for run in held_out)
