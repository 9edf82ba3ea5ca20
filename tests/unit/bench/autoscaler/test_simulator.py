"""The simulator keeps its books, repeats itself, and obeys queueing theory where that has an answer."""

from dataclasses import replace

import numpy as np
import pytest

from bench.autoscaler import oracle
from bench.autoscaler.baselines import Fixed, HpaCpu, Keda, Kpa
from bench.autoscaler.policies import POLICIES, evaluate
from bench.autoscaler.scenarios import held_out, line
from ip2a_operator.domain.autoscaling.snapshot import Name, Reading
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import TAIL, Platform, World
from ip2a_operator.simulation.observe import Observer, Trouble, percentile
from ip2a_operator.simulation.product import Product, simulated_spec
from ip2a_operator.simulation.run import Policy, judge, play, reversals, start, traffic_of
from ip2a_operator.simulation.scenario import Scenario
from ip2a_operator.simulation.traffic import draw

SMALL = Scenario("small", 240, line((100, 300), (101, 1200)), pods=2)


def drained(world: World) -> int:
    """Requests answered or failed."""
    return int(world.score.sum() + world.failures.sum())


def test_every_request_is_answered_or_failed() -> None:
    world, _ = play(replace(SMALL, users=line((0, 3000))), Fixed(2), 1)  # overloaded
    assert world.failures.sum() > 100
    assert drained(world) == len(world.traffic.arrival)
    assert (world.pools[:, k.BUSY] >= 0).all()
    assert world.pools[:, k.BUSY].sum() == 0


def test_equal_arguments_give_equal_results() -> None:
    first, second = (evaluate("ours", SMALL, 3, 0.0) for _ in range(2))
    assert first == second
    assert evaluate("ours", SMALL, 4, 0.0) != first


def test_all_policies_meet_the_same_requests() -> None:
    requests = {evaluate(name, SMALL, 1, 80.0)[0].requests for name in ("fixed 12", "KEDA rps", "ours")}
    assert len(requests) == 1


def test_pod_queue_follows_pollaczek_khinchine() -> None:
    """One pod, everything from the cache: an M/G/1 queue, mean wait λE[S²]/2(1-ρ)."""
    platform = replace(Platform(), hit=1.0, writes=0.0, in_flight=100_000)
    traffic = draw(lambda _: 400.0, platform.think, 0.0, 3000.0, 5)
    world = World(platform, traffic, length=3000, pods=1, replicas=1, pool=4)
    for _ in range(3000 + TAIL):
        world.step()
    rate = len(traffic.arrival) / 3000.0
    mean, variation = platform.cpu_request, 0.6
    load = rate * mean
    wait = rate * mean**2 * (1 + variation**2) / (2 * (1 - load))
    counts = world.queueing.sum(axis=0)
    centres = np.array([0.0, *(k.BIN_BASE * k.BIN_GROWTH ** (i - 0.5) for i in range(1, k.BINS))])
    assert float((counts * centres).sum() / counts.sum()) == pytest.approx(wait, rel=0.15)


def test_pools_and_replicas_take_their_time() -> None:
    world = start(SMALL, traffic_of(SMALL, 1))
    world.want_pods, world.want_replicas = 5, 2
    world.want_pool_size(0, 9)
    sizes, pods, replicas = [], [], []
    for _ in range(SMALL.length):
        world.step()
        sizes.append(world.pool_size[0])
        pods.append(world.ready_pods)
        replicas.append(world.ready_replicas)
    platform = SMALL.platform
    assert sizes.index(9) == pytest.approx(platform.pool_delay, abs=1)
    assert pods.index(5) == pytest.approx(platform.pod_delay, abs=1)
    assert replicas.index(2) == SMALL.length - 1  # 240 s are over at the very end


def test_dark_prometheus_gives_nothing_then_zeros() -> None:
    scenario = replace(SMALL, trouble=Trouble(dark=(100, 150)))
    world = start(scenario, traffic_of(scenario, 1))
    observer = Observer(world, scenario.trouble, 1)
    seen = {}
    for second in range(200):
        world.step()
        seen[second + 1] = observer.readings().get(Name.OFFERED)
    assert seen[90] is not None
    assert seen[120] is None  # not there, as in production, instead of there without a value
    assert seen[160] == Reading(0.0, 1.0)
    assert seen[190] is not None
    assert seen[190].value


def test_percentile_of_a_histogram() -> None:
    counts = np.zeros(k.BINS, np.int64)
    assert percentile(counts, 0.95) is None
    counts[10] = 100
    low, high = k.BIN_BASE * k.BIN_GROWTH**9, k.BIN_BASE * k.BIN_GROWTH**10
    assert percentile(counts, 0.5) == pytest.approx((low + high) / 2)


def test_reversals_count_turns_not_steps() -> None:
    assert reversals([2, 3, 4, 4, 5]) == 0
    assert reversals([2, 4, 3, 3, 5]) == 2


@pytest.mark.parametrize("policy", [HpaCpu(0.5), Keda(80.0), Kpa(1.6)], ids=["hpa", "keda", "kpa"])
def test_baselines_follow_a_step(policy: Policy) -> None:
    world, wished = play(SMALL, policy, 1)
    assert max(wished) >= 3
    assert judge("x", world, wished, SMALL, 1).pod_hours > 0


def test_keda_takes_missing_for_zero_and_ours_does_not() -> None:
    """The failure that the product exists to avoid, on both sides."""
    scenario = replace(held_out()["outage"], length=700)
    keda = Keda(80.0)
    _, wished = play(scenario, keda, 1)
    assert wished[-1] == 2
    ours = Product(simulated_spec(scenario))
    _, wished = play(scenario, ours, 1)
    assert min(wished[400:]) >= wished[399]
    assert (ours.broken, ours.stale_decreases) == (0, 0)


def test_product_raises_the_pool_not_the_pods() -> None:
    scenario = replace(held_out()["pool"], length=420)
    ours = Product(simulated_spec(scenario))
    world, wished = play(scenario, ours, 1)
    assert world.want_pool[0] >= 4
    assert max(wished[300:]) <= wished[299] + 1


def test_oracle_is_at_least_as_good_as_a_plain_plan() -> None:
    margins = oracle.search(SMALL, 1)
    best = oracle.best_of(SMALL, margins[:1], 1)
    plain = oracle.best_of(SMALL, [oracle.Margins()], 1)
    assert (best.violation_minutes, best.cost) <= (plain.violation_minutes, plain.cost)


def test_every_policy_is_named_once() -> None:
    assert {"ours", "HPA cpu", "KEDA rps", "KPA", "predictive HPA", "HPA cpu + replicas"} <= set(POLICIES)
