"""What is kept of the runs reads back as it was, every bar gets its row, and the document says what they say."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from bench import harness
from bench.autoscaler import assumptions, cluster, judge, kept, report
from bench.autoscaler import figures as f
from bench.autoscaler.matrix import FIRST_SEED, HEADLINE, Task, tasks
from bench.autoscaler.policies import ABLATIONS
from bench.autoscaler.scenarios import held_out, trace_users
from ip2a_operator.simulation.model import Platform

OURS_SAVES = 4.0
MEASURED_THERE = {"decide_p99", "tick_500", "tick_500_cpu", "simulator_million", "smoke", "headline"}
"""By `bench.autoscaler.measure` itself."""


def made_up(policy: str, scenario: str, seed: int, variant: str = "") -> f.Row:
    """A run as the matrix writes it: ours is as good as the oracle, everybody else is worse."""
    good = policy in ("ours", "oracle")
    minutes = 1.0 if good else OURS_SAVES
    result = {name: 0.0 for name in kept.FIGURES} | {
        "violation_minutes": minutes + 0.01 * seed,
        "cost": 2.0 if good else 3.0,
        "dropped": 0.01 if good else 0.02,
        "pod_hours": 1.0 if good else 2.0,
        "requests": 1000,
    }
    task = {"scenario": scenario, "policy": policy, "seed": seed, "variant": variant}
    return {"task": task, "result": result, "broken": 0, "staleDecreases": 0}


def runs() -> list[f.Row]:
    """A headline set of two seeds."""
    return [made_up(task.policy, task.scenario, task.seed) for task in tasks("headline", 2)]


def test_kept_runs_read_back(tmp_path: Path) -> None:
    written = kept.Kept("abc", 1.5, runs())
    kept.write(written, tmp_path / "runs.csv")
    found = kept.read(tmp_path / "runs.csv")
    assert (found.code, found.minutes, len(found.rows)) == ("abc", 1.5, len(written.rows))
    assert f.collect(found.rows)["step"]["ours"] == f.collect(written.rows)["step"]["ours"]
    assert kept.read(tmp_path / "none.csv").rows == []


def test_one_policy_alone_can_be_run_again() -> None:
    ours = [made_up("ours", "step", 11)]
    found = kept.amended(kept.Kept("old", 1.5, runs()), kept.Kept("new", None, ours))
    assert (found.code, found.minutes, len(found.rows)) == ("new (ours), old (the rest)", 1.5, len(runs()))
    assert sum(row is ours[0] for row in found.rows) == 1


def test_published_seeds_are_not_those_of_the_work() -> None:
    assert {task.seed for task in tasks("full", 10)} == set(range(FIRST_SEED, FIRST_SEED + 10))
    assert Task("step", "ours", FIRST_SEED) in tasks("headline", 1)
    assert "worldcup" in held_out()
    assert trace_users(4000.0)(1200.0) > trace_users(4000.0)(0.0)


def test_every_bar_that_runs_decide_is_judged() -> None:
    found = {row.name: row for row in judge.simulated(runs())}
    bars = {name.partition("/")[0] for name in found}
    assert bars == {
        "invariant_violations", "stale_decreases", "slo_minutes_over_allowance", "replica_minutes_over_allowance",
        "failover_minutes_over_oracle", "minutes_over_best_baseline", "total_vs_best_baseline", "cost_diurnal",
        "cost_noise", "noise_reversals", "db_slow_dropped_vs_fixed", "db_slow_pod_hours_vs_fixed",
    }  # fmt: skip
    assert found["total_vs_best_baseline"].value == pytest.approx(1.0 / OURS_SAVES, rel=0.2)
    assert all(row.holds for row in found.values())
    assert len([name for name in found if name.startswith("slo_minutes")]) == 18


def test_names_of_figures_are_words() -> None:
    assert [f.slug(name) for name in ("outage + surge", "outage (stale)")] == ["outage_surge", "outage_stale"]
    assert {f.bar_of(name) for name in held_out() if name.startswith("outage")} == {"slo_minutes_over_allowance"}


def test_a_bar_that_is_missed_says_so() -> None:
    rows = [row for row in runs() if f.policy_of(row) != "ours"]
    rows += [made_up("ours", scenario, 11) | {"broken": 1} for scenario in held_out()]
    for row in rows:
        result = row["result"]
        assert isinstance(result, dict)
        if f.policy_of(row) == "ours":
            result["violation_minutes"] = 20.0
    found = {row.name: row.holds for row in judge.simulated(rows)}
    for name in ("invariant_violations/simulated", "slo_minutes_over_allowance/step", "total_vs_best_baseline"):
        assert found[name] is False


def test_what_was_kept_elsewhere_is_judged(tmp_path: Path) -> None:
    (tmp_path / "states.json").write_text('{"states": 1000000, "violations": 0}')
    (tmp_path / "step.json").write_text(json.dumps({"figures": {"real_restored": [12.0]}}))
    (tmp_path / "old.json").write_text("{}")
    found = judge.elsewhere(tmp_path / "states.json", tmp_path, tmp_path / "no-model.json")
    assert {row.name: row.holds for row in found} == {
        "invariant_states": True,
        "invariant_violations/states": True,
        "real_restored": True,
    }


def test_document_shows_every_policy_and_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.figures.filled", lambda text: text)
    rows = [*runs(), *(made_up(policy, "db_read", 11, "replica=60") for policy in ("ours", "oracle"))]
    rows += [made_up(policy, "lag", 11, "replica=60") for policy in ("ours", "oracle")]
    text = report.text(kept.Kept("abc", None, rows))
    for name in (*held_out(), *HEADLINE):
        assert f"| {name} " in text
    assert "Fewer than ten seeds" in text
    assert "2.00 allowed: holds" in text
    with pytest.raises(ValueError, match="no kept runs"):
        report.text(kept.Kept("abc", None, []))


def test_every_constant_of_the_model_has_its_source() -> None:
    assert assumptions.SOURCES.keys() == {field.name for field in fields(Platform)}
    assert any(line.startswith("| `replica_delay` | 240 |") for line in assumptions.table())


def test_every_ablation_has_its_sentence() -> None:
    assert report.WITHOUT.keys() == ABLATIONS.keys()
    rows = [*runs(), *(made_up(task.policy, task.scenario, task.seed) for task in tasks("ablations", 2))]
    for row in rows:
        row["broken"] = int(f.policy_of(row) == "ours, no ledger")
    text = "\n".join(report.ablations_text(f.complete(f.collect(rows)), rows))
    assert f"against I1, I2 and I6: {3.0 * len(held_out()):+.1f} minutes" in text
    assert f"{2 * len(held_out())} invariants broken" in text
    assert "step +3.0" in text


def test_all_bars_of_the_bench_have_a_row_somewhere() -> None:
    """A bar nobody judges would look as if it held."""
    rows = {row.name.partition("/")[0] for row in (*judge.simulated(runs()), *judge.elsewhere())}
    assert harness.bars("autoscaler").keys() - rows - MEASURED_THERE == cluster.unmeasured()
