"""Every policy of the benchmark by name, with what may be tuned about it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.autoscaler import baselines as b
from bench.autoscaler.hpa import SYNC
from bench.autoscaler.keda import Fallback
from bench.autoscaler.scenarios import training
from ip2a_operator.domain.autoscaling.spec import Features
from ip2a_operator.simulation.product import Product, simulated_spec
from ip2a_operator.simulation.run import Policy, Result, judge, play, traffic_of
from ip2a_operator.simulation.scenario import Scenario
from ip2a_operator.simulation.traffic import Traffic

TUNED = Path(__file__).with_name("tuned.json")
TRAINING_SEEDS = (101, 102)
MINUTE_PRICE = 10.0
"""One violation minute is worth this much cost in tuning: the same for everybody."""

Build = Callable[[Scenario, float], Policy]


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy, the grid of its one parameter, and how many replicas it starts with (None: the scenario's)."""

    build: Build
    grid: tuple[float, ...] = ()
    replicas: int | None = 2


def _product(**off: bool) -> Build:
    def build(scenario: Scenario, _: float) -> Policy:
        spec = simulated_spec(scenario)
        return Product(replace(spec, features=replace(Features(), **off)))

    return build


def _slow_product(scenario: Scenario, _: float) -> Policy:
    return Product(simulated_spec(scenario), period=15)


FALLBACK = Fallback(6)
"""Half of the fixed size: enough for the load that the outage meets."""
SEASONS = {"diurnal": 2400 // SYNC}
"""Proposals in a day of the scenarios whose days repeat: what somebody who knows the traffic would configure."""


def _keda(scenario: Scenario, per_pod: float, *, zero: bool, fallback: Fallback | None = None) -> Policy:
    cron = 6 if scenario.schedules and scenario.name == "bidding" else 0
    return b.Keda(per_pod, null_is_zero=zero, fallback=fallback, cron=cron)


def _predictive(scenario: Scenario, target: float) -> Policy:
    return b.Predictive(target, season=SEASONS.get(scenario.name, 0))


POLICIES: Mapping[str, Entry] = {
    "ours": Entry(_product(), replicas=None),
    "fixed 12": Entry(lambda _, __: b.Fixed(12)),
    "HPA cpu": Entry(lambda _, x: b.HpaCpu(x), (0.3, 0.4, 0.5, 0.6, 0.7)),
    "HPA p95": Entry(lambda _, x: b.HpaLatency(x), (0.03, 0.05, 0.07, 0.1, 0.2, 0.35)),
    "KEDA rps": Entry(lambda s, x: _keda(s, x, zero=True), (45.0, 60.0, 80.0, 100.0)),
    "KEDA rps, null=error": Entry(lambda s, x: _keda(s, x, zero=False), (45.0, 60.0, 80.0, 100.0)),
    "KEDA rps, fallback": Entry(lambda s, x: _keda(s, x, zero=False, fallback=FALLBACK), (45.0, 60.0, 80.0, 100.0)),
    "KEDA triggers": Entry(lambda _, __: b.KedaTriggers(), ()),
    "KPA": Entry(lambda _, x: b.Kpa(x), (0.7, 1.0, 1.6, 2.5)),
    "predictive HPA": Entry(_predictive, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
    "HPA cpu + replicas": Entry(lambda _, x: b.HpaCpuAndReplicas(x), (0.3, 0.4, 0.5, 0.6), None),
}
ABLATIONS: Mapping[str, Entry] = {
    "ours, 15 s": Entry(_slow_product, replicas=None),
    "ours, no gate": Entry(_product(gate=False), replicas=None),
    "ours, no pool": Entry(_product(pool=False), replicas=None),
    "ours, no ledger": Entry(_product(ledger=False), replicas=None),
    "ours, no hold": Entry(_product(hold=False), replicas=None),
    "ours, no trim": Entry(_product(trim=False), replicas=None),
    "ours, by latency": Entry(_product(demand=False), replicas=None),
}


def grid() -> dict[str, dict[str, float]]:
    """What the grid search found: score of each value of each baseline, the lower the better. Committed."""
    found: dict[str, dict[str, float]] = json.loads(TUNED.read_text())
    return found


def parameters() -> dict[str, float]:
    """The best value of each baseline's grid."""
    return {name: float(min(scores, key=scores.__getitem__)) for name, scores in grid().items()}


def evaluate(
    name: str, scenario: Scenario, seed: int, parameter: float, traffic: Traffic | None = None
) -> tuple[Result, tuple[int, int]]:
    """One run; the second value counts broken invariants and decreases on stale data (ours only)."""
    entry = POLICIES.get(name) or ABLATIONS[name]
    setting = scenario if entry.replicas is None else replace(scenario, replicas=entry.replicas)
    policy = entry.build(setting, parameter)
    world, wished = play(setting, policy, seed, traffic)
    safety = (policy.broken, policy.stale_decreases) if isinstance(policy, Product) else (0, 0)
    return judge(name, world, wished, setting, seed), safety


def tune() -> dict[str, dict[str, float]]:
    """Grid search of every baseline on the training scenarios; writes `tuned.json`."""
    scenarios = training().values()
    drawn = {(s.name, seed): traffic_of(s, seed) for s in scenarios for seed in TRAINING_SEEDS}
    found: dict[str, dict[str, float]] = {}
    for name, entry in POLICIES.items():
        for value in entry.grid:
            results = [
                evaluate(name, s, seed, value, drawn[s.name, seed])[0] for s in scenarios for seed in TRAINING_SEEDS
            ]
            score = sum(MINUTE_PRICE * r.violation_minutes + r.cost for r in results)
            found.setdefault(name, {})[f"{value:g}"] = round(score, 2)
    TUNED.write_text(json.dumps(found, indent=1) + "\n")
    return found
