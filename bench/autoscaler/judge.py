"""Every bar of the issue that the kept runs decide, as rows of the harness. Thresholds stand in bars.toml alone."""

import json
from collections.abc import Sequence
from pathlib import Path

from bench import harness
from bench.autoscaler import figures as f

CLUSTER = harness.RESULTS / "autoscaler-cluster"
STATES = harness.RESULTS / "autoscaler-states.json"
MODEL = harness.RESULTS / "autoscaler-model.json"


def simulated(rows: Sequence[f.Row]) -> list[harness.Row]:
    """Bars about simulated runs; none without runs."""
    bars, table = harness.bars("autoscaler"), f.complete(f.collect(rows))
    if not table:
        return []
    names, mine = f.baselines(table), [row for row in rows if f.policy_of(row) == "ours"]
    found = [
        harness.judged(bars["invariant_violations"], [float(str(row["broken"])) for row in mine], "simulated"),
        harness.judged(bars["stale_decreases"], [float(str(row["staleDecreases"])) for row in mine]),
    ]
    for scenario, cells in table.items():
        bar = f.bar_of(scenario)
        if bar is not None:
            found.append(harness.judged(bars[bar], [f.over_allowance(scenario, cells)], f.slug(scenario)))
        if names:
            over, _ = f.over_best(cells, names)
            found.append(harness.judged(bars["minutes_over_best_baseline"], [over], f.slug(scenario)))
    if names:
        best = min(f.total(table, name) for name in names)
        found.append(harness.judged(bars["total_vs_best_baseline"], [f.total(table, "ours") / best]))
    return [*found, *_single(bars, table)]


def _single(bars: dict[str, harness.Bar], table: f.Table) -> list[harness.Row]:
    """Bars that look at one scenario."""
    found = []
    for name, scenario in (("cost_diurnal", "diurnal"), ("cost_noise", "noise")):
        if scenario in table:
            ours, oracle = table[scenario]["ours"], table[scenario]["oracle"]
            found.append(harness.judged(bars[name], [ours.median_cost / oracle.median_cost]))
    if "noise" in table:
        found.append(harness.judged(bars["noise_reversals"], list(table["noise"]["ours"].reversals.values())))
    if "fixed 12" in table.get("db_slow", {}):
        ours, fixed = table["db_slow"]["ours"], table["db_slow"]["fixed 12"]
        dropped = sum(ours.dropped.values()) / sum(fixed.dropped.values())
        hours = sum(ours.pod_hours.values()) / sum(fixed.pod_hours.values())
        found.append(harness.judged(bars["db_slow_dropped_vs_fixed"], [dropped]))
        found.append(harness.judged(bars["db_slow_pod_hours_vs_fixed"], [hours]))
    return found


def elsewhere(states: Path = STATES, cluster: Path = CLUSTER, model: Path = MODEL) -> list[harness.Row]:
    """Bars decided by what was kept of other runs: made-up worlds, the real cluster, the model against it."""
    bars, found = harness.bars("autoscaler"), []
    if states.exists():
        kept = json.loads(states.read_text())
        found.append(harness.judged(bars["invariant_states"], [kept["states"]]))
        found.append(harness.judged(bars["invariant_violations"], [kept["violations"]], "states"))
    for path in [*sorted(cluster.glob("*.json")), *([model] if model.exists() else [])]:
        for name, values in json.loads(path.read_text()).get("figures", {}).items():
            bar, _, case = name.partition("/")
            found.append(harness.judged(bars[bar], values, case))
    return found
