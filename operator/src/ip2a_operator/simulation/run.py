"""One run: a scenario, a policy and a seed give a result; equal arguments give an equal result."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from ip2a_operator.simulation.model import TAIL, World
from ip2a_operator.simulation.observe import Observer, percentile
from ip2a_operator.simulation.scenario import Scenario
from ip2a_operator.simulation.traffic import Traffic, draw

REPLICA_COST = 5.8
"""Cost of a replica hour in pod hours."""
POOLER_COST = 0.5
WARM_UP_BINS = 6
OBJECTIVE, STRICT = 0.5, 0.2
"""p95 in seconds: the objective and the warning of the product's defaults."""
MIN_REQUESTS = 20


class Policy(Protocol):
    """Something that scales. `act` is called every `period` seconds and sets the world's wishes.

    `restart` is called when it is back after its death: what was in memory alone is gone.
    """

    period: int

    def act(self, world: World, observer: Observer) -> None: ...

    def restart(self, world: World, observer: Observer) -> None: ...


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run. Minutes count 10 s bins with p95 over the objective or over 1 % failures."""

    scenario: str
    policy: str
    seed: int
    violation_minutes: float
    strict_violation_minutes: float
    """The same with 200 ms."""
    dropped: float
    """Share of the requests that failed."""
    cost: float
    pod_hours: float
    replica_hours: float
    reversals: int
    starts: int
    requests: int


def violations(world: World, objective: float) -> int:
    """Bins in violation."""
    count = 0
    for index in range(WARM_UP_BINS, world.length // 10):
        good, bad = int(world.score[index].sum()), int(world.failures[index])
        if good + bad < MIN_REQUESTS:
            continue
        p95 = percentile(world.score[index], 0.95)
        if bad > 0.01 * (good + bad) or p95 is None or p95 > objective:
            count += 1
    return count


def reversals(history: list[int]) -> int:
    """Changes of direction in a series of wished pod counts."""
    moves = [b > a for a, b in pairwise(history) if a != b]
    return sum(a != b for a, b in pairwise(moves))


def traffic_of(scenario: Scenario, seed: int) -> Traffic:
    """The requests of a scenario: the same for every policy."""
    platform = scenario.platform
    return draw(scenario.users, platform.think, platform.writes, scenario.length, seed)


def start(scenario: Scenario, traffic: Traffic) -> World:
    """The world at second zero."""
    return World(
        scenario.platform,
        traffic,
        length=scenario.length,
        pods=scenario.pods,
        replicas=scenario.replicas,
        pool=scenario.pool,
    )


def play(scenario: Scenario, policy: Policy, seed: int, traffic: Traffic | None = None) -> tuple[World, list[int]]:
    """Run to the end; the world afterwards and the wished pods of every second."""
    world = start(scenario, traffic or traffic_of(scenario, seed))
    observer = Observer(world, scenario.trouble, seed)
    wished = []
    for second in range(scenario.length + TAIL):
        world.users = scenario.users(float(min(second, scenario.length)))
        scenario.fault(world, second)
        dead = scenario.dead[0] <= second < scenario.dead[1]
        if second == scenario.dead[1] > scenario.dead[0]:
            policy.restart(world, observer)
        if second % policy.period == 0 and second > 0 and not dead:
            policy.act(world, observer)
        wished.append(world.want_pods)
        world.step()
    return world, wished


def judge(name: str, world: World, wished: list[int], scenario: Scenario, seed: int) -> Result:
    """The figures of a finished run."""
    failed, done = int(world.failures.sum()), int(world.score.sum())
    pods, replicas = world.cost["pods"], world.cost["replicas"]
    return Result(
        scenario=scenario.name,
        policy=name,
        seed=seed,
        violation_minutes=violations(world, OBJECTIVE) / 6.0,
        strict_violation_minutes=violations(world, STRICT) / 6.0,
        dropped=failed / max(1, failed + done),
        cost=pods + REPLICA_COST * replicas + POOLER_COST * world.cost["poolers"],
        pod_hours=pods,
        replica_hours=replicas,
        reversals=reversals(wished),
        starts=world.starts,
        requests=int(np.sum(world.metrics[0])),
    )
