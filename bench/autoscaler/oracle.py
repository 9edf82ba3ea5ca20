"""The oracle: the best plan found with hindsight, under the same delays and limits as everybody.

It knows users(t), the cache and the faults. A plan follows demand with a chosen margin and lead; the search is
a coordinate descent over the margins, judged by simulation: fewer violation minutes first, then lower cost.
"Best found" is not "best possible": where a policy does better than the oracle, the table shows it.
"""

from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import World
from ip2a_operator.simulation.observe import Observer
from ip2a_operator.simulation.run import Result, judge, play, start, traffic_of
from ip2a_operator.simulation.scenario import Scenario
from ip2a_operator.simulation.traffic import Traffic

CHOICES: dict[str, tuple[float, ...]] = {
    "margin": (0.7, 0.8, 0.87, 0.93, 0.5, 0.3),
    "slack": (0.0, 0.5, 1.0),
    "replica_margin": (0.6, 0.75, 0.9, 0.45),
    "pool": (4.0, 8.0, 12.0, 20.0),
    "hold": (60.0, 240.0, 600.0),
}


@dataclass(frozen=True, slots=True)
class Margins:
    """Utilisation planned for, square-root slack, replica utilisation, pool size, how long a peak is kept."""

    margin: float = 0.8
    slack: float = 0.5
    replica_margin: float = 0.75
    pool: float = 12.0
    hold: float = 240.0


@dataclass(slots=True)
class Plan:
    """What to have at every second; the pool from the start."""

    pods: NDArray[np.int64]
    replicas: NDArray[np.int64]
    pool: int
    period: int = 1

    def act(self, world: World, observer: Observer) -> None:
        """Ask for what the plan says."""
        del observer
        second = min(world.now, len(self.pods) - 1)
        world.want_pods, world.want_replicas = int(self.pods[second]), int(self.replicas[second])
        for side in (0, 1):
            world.want_pool_size(side, self.pool)

    def restart(self, world: World, observer: Observer) -> None:
        """The plan is on paper."""


def ahead(values: NDArray[np.float64], lead: int, hold: int) -> NDArray[np.float64]:
    """At every second the largest value from `hold` ago (a peak is kept) to `lead` from now."""
    size = len(values)
    return np.array([values[max(0, i - hold) : min(size, i + lead + 1)].max() for i in range(size)])


def loads(scenario: Scenario, traffic: Traffic) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(requests per second, reads per second that miss), 10 s means, with the cache the faults leave."""
    counts, _ = np.histogram(traffic.arrival, bins=np.arange(0, scenario.length + 11, 10))
    rate = np.repeat(counts / 10.0, 10)[: scenario.length]
    probe = start(scenario, traffic)
    hits = np.empty(scenario.length)
    for second in range(scenario.length):
        scenario.fault(probe, second)
        hits[second] = probe.parameters[k.P_HIT]
    return rate, rate * (1.0 - scenario.platform.writes) * (1.0 - hits)


def plan(scenario: Scenario, margins: Margins, demand: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Plan:
    """The plan these margins give."""
    platform = scenario.platform
    rate, misses = demand
    busy = ahead(rate, int(platform.pod_delay) + 5, int(margins.hold)) * platform.cpu_request / platform.cpu_speed
    pods = [max(2, ceil(max(a / margins.margin, a + margins.slack * sqrt(a)))) for a in busy]
    per_replica = platform.replica_vcpu / (platform.read * platform.query_cpu) * margins.replica_margin
    reads = ahead(misses, int(platform.replica_delay) + 10, int(margins.hold))
    replicas = [max(1, min(6, ceil(each / per_replica))) for each in reads]
    return Plan(np.minimum(np.array(pods), scenario.max_pods), np.array(replicas), int(margins.pool))


def search(scenario: Scenario, seed: int, rounds: int = 1) -> list[Margins]:
    """Coordinate descent; the margins tried, best first."""
    traffic = traffic_of(scenario, seed)
    demand = loads(scenario, traffic)
    seen: dict[Margins, tuple[float, float]] = {}

    def score(margins: Margins) -> tuple[float, float]:
        if margins not in seen:
            result = run(scenario, margins, seed, traffic, demand)
            seen[margins] = (result.violation_minutes, result.cost)
        return seen[margins]

    best = Margins()
    for _ in range(rounds):
        for name, values in CHOICES.items():
            best = min((replace(best, **{name: value}) for value in values), key=score)
    return sorted(seen, key=score)


def run(
    scenario: Scenario,
    margins: Margins,
    seed: int,
    traffic: Traffic,
    demand: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Result:
    """One plan on one seed."""
    alive = replace(scenario, dead=(0, 0))  # a plan made beforehand does not need a living scaler
    world, wished = play(alive, plan(scenario, margins, demand), seed, traffic)
    return judge("oracle", world, wished, scenario, seed)


def best_of(scenario: Scenario, candidates: list[Margins], seed: int) -> Result:
    """The best of a few plans on this seed's own traffic."""
    traffic = traffic_of(scenario, seed)
    demand = loads(scenario, traffic)
    results = [run(scenario, each, seed, traffic, demand) for each in candidates]
    return min(results, key=lambda each: (each.violation_minutes, each.cost))
