"""The scenarios of the benchmark. Held-out ones are never tuned on; two training ones are for everybody's tuning.

Shapes follow issue 7; event day and diurnal follow statistics of the WorldCup98 trace (M. Arlitt and T. Jin, "1998
World Cup Web Site Access Logs", August 1998).
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from math import ceil, cos, exp, pi, sin
from pathlib import Path

import numpy as np

from ip2a_operator.domain.autoscaling.spec import Floor, Schedule
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import Platform, World
from ip2a_operator.simulation.observe import Outage, Trouble
from ip2a_operator.simulation.scenario import Fault, Scenario
from ip2a_operator.simulation.traffic import UsersAt

TRACE = Path(__file__).with_name("worldcup98.csv")
EVENT_DAY = (
    0.12, 0.12, 0.14, 0.14, 0.14, 0.15, 0.17, 0.18, 0.22, 0.39, 0.57, 0.67, 0.74, 0.79, 0.76, 0.77, 0.79, 0.81,
    0.81, 0.85, 0.87, 0.82, 0.84, 0.89, 0.95, 1.0, 0.80, 0.56, 0.46, 0.42, 0.38, 0.32, 0.19, 0.16,
)  # fmt: skip


def line(*points: tuple[float, float]) -> UsersAt:
    """Users by straight lines through (second, users)."""
    times, users = [p[0] for p in points], [p[1] for p in points]
    return lambda t: float(np.interp(t, times, users))


def enough(users: float, platform: Platform | None = None) -> int:
    """Pods for so many users at 75 %."""
    source = platform or Platform()
    return max(2, ceil(users / source.think * source.cpu_request / source.cpu_speed / 0.75))


def diurnal(second: float) -> float:
    """Two days of 40 minutes each: the WorldCup98 tournament's first two harmonics."""
    hour = second / 100.0 % 24.0
    turn = 2.0 * pi / 24.0
    return 1800.0 * (1.0 + 0.51 * cos(turn * (hour - 17.3)) + 0.167 * cos(2.0 * turn * (hour - 5.2)))


def flash(second: float) -> float:
    """400 → 3,600 in 30 s, then falling off."""
    if second < 300.0:
        return 400.0
    return 400.0 + 3200.0 * (min(1.0, (second - 300.0) / 30.0) if second < 330.0 else exp(-(second - 330.0) / 400.0))


def between(start: int, end: int, index: int, value: float, usual: float) -> Fault:
    """A parameter of the world that is different for a while."""

    def fault(world: World, second: int) -> None:
        world.parameters[index] = value if start <= second < end else usual

    return fault


def at(second: int, act: Callable[[World], None]) -> Fault:
    """Something that happens once."""

    def fault(world: World, now: int) -> None:
        if now == second:
            act(world)

    return fault


def together(*faults: Fault) -> Fault:
    """Several faults."""

    def fault(world: World, second: int) -> None:
        for each in faults:
            each(world, second)

    return fault


def shrink_pools(world: World) -> None:
    """Somebody sets both pools to one connection a PgBouncer pod."""
    for side in (0, 1):
        world.want_pool_size(side, 1)


def lagging(start: int, end: int) -> Fault:
    """Replicas fall behind at half a second a second, then catch up."""

    def fault(world: World, second: int) -> None:
        world.gauges[3, second] = (
            max(0.0, 0.5 * (min(second, end) - start) - 2.0 * max(0, second - end)) if second >= start else 0.1
        )

    return fault


def promote(world: World) -> None:
    """The primary is gone, a replica takes over."""
    world.lose_replica()


def node_full(world: World, second: int) -> None:
    """Pods beyond the sixth stay pending until a node joins."""
    world.pod_limit = 6 if second < 600 else 10_000


SMALL_ENGINES = replace(Platform(), engine=2)
BIDDING = Schedule("bidding", "20 8 * * *", duration=1200.0, lead=120.0, floor=Floor(app=6, replicas=1))
SOFT = tuple(
    Schedule(f"stage {users}", f"{minute} 8 * * *", duration=480.0, lead=120.0, floor=Floor(enough(users), replicas))
    for minute, users, replicas in ((6, 500, 1), (13, 2000, 1), (20, 4000, 1), (27, 10_000, 3))
)


def trace_users(peak: float) -> UsersAt:
    """Four hours of the WorldCup98 trace, a minute in ten seconds, scaled to `peak` users."""
    with TRACE.open() as file:
        rows = list(csv.reader(text for text in file if not text.startswith("#")))[1:]
    counts = np.array([float(count) for _, count in rows])
    return lambda t: float(np.interp(t / 10.0, np.arange(len(counts)), counts / counts.max() * peak))


def held_out() -> dict[str, Scenario]:
    """The scenarios that count."""
    found = (
        Scenario("step", 900, line((300, 400), (301, 2400)), pods=enough(400)),
        Scenario("ramp", 1200, line((120, 200), (1020, 4000)), pods=enough(200)),
        Scenario("diurnal", 4800, diurnal, pods=enough(900)),
        Scenario(
            "event day",
            2040,
            line(*((60.0 * i, 4000.0 * level) for i, level in enumerate(EVENT_DAY))),
            pods=enough(480),
        ),
        Scenario("flash", 1200, flash, pods=enough(400)),
        Scenario(
            "bidding",
            2700,
            line((1200, 300), (1260, 2400), (2160, 2400), (2220, 300)),
            pods=enough(300),
            schedules=(BIDDING,),
        ),
        Scenario(
            "soft",
            2040,
            line(
                (360, 100),
                (420, 500),
                (780, 500),
                (840, 2000),
                (1200, 2000),
                (1260, 4000),
                (1620, 4000),
                (1680, 10_000),
            ),
            pods=2,
            schedules=SOFT,
        ),
        Scenario("db_read", 1500, line((0, 4000)), between(600, 9999, k.P_HIT, 0.0, 0.75), pods=enough(4000)),
        Scenario("db_slow", 1200, line((0, 2400)), between(300, 900, k.P_WRITE_SLOW, 12.0, 1.0), pods=enough(2400)),
        Scenario(
            "pool",
            900,
            line((0, 2400)),
            together(at(300, shrink_pools), between(300, 9999, k.P_HOLD, 0.02, 0.0)),
            pods=enough(2400),
        ),
        Scenario(
            "app_pool",
            900,
            line((0, 2400)),
            between(300, 9999, k.P_HOLD, 0.05, 0.0),
            pods=enough(2400),
            pool=20,
            platform=SMALL_ENGINES,
        ),
        Scenario(
            "lag",
            1500,
            line((0, 4000)),
            together(between(400, 9999, k.P_HIT, 0.45, 0.75), lagging(380, 520)),
            pods=enough(4000),
        ),
        Scenario("outage", 1300, line((0, 2800)), pods=enough(2800), trouble=Trouble((400, 900))),
        *(
            Scenario(
                f"outage ({kind})",
                1300,
                line((0, 2800)),
                pods=enough(2800),
                trouble=Trouble((400, 900), outage=kind),
            )
            for kind in (Outage.ERROR, Outage.STALE, Outage.HALF)
        ),
        Scenario(
            "outage + surge", 1300, line((600, 2800), (660, 5600)), pods=enough(2800), trouble=Trouble((400, 900))
        ),
        Scenario("noise", 2400, line((0, 1600)), pods=enough(1600), trouble=Trouble(noise=0.3)),
        Scenario(
            "rollout",
            1200,
            line((300, 400), (900, 3000)),
            at(500, lambda world: world.start_update()),
            pods=enough(400),
        ),
        Scenario(
            "failover",
            900,
            line((0, 2000)),
            together(between(400, 430, k.P_PRIMARY_DOWN, 1.0, 0.0), at(400, promote)),
            pods=enough(2000),
            replicas=2,
        ),
        Scenario(
            "crash",
            900,
            line((0, 2400)),
            together(at(300, shrink_pools), between(300, 9999, k.P_HOLD, 0.02, 0.0)),
            pods=enough(2400),
            dead=(305, 320),
        ),
        Scenario("node-full", 1200, line((300, 400), (301, 2400)), node_full, pods=enough(400)),
    )
    users = trace_users(4000.0)
    world_cup = Scenario("worldcup", 2400, users, pods=enough(users(0.0)))
    return {each.name: each for each in (*found, world_cup)}


def training() -> dict[str, Scenario]:
    """What everybody may tune on."""
    return {
        "train step": Scenario(
            "train step", 1000, line((240, 600), (245, 1800), (700, 1800), (705, 600)), pods=enough(600)
        ),
        "train wave": Scenario(
            "train wave",
            2400,
            lambda t: 1500.0 - 1000.0 * cos(2 * pi * t / 1500.0) + 100.0 * sin(t / 37.0),
            pods=enough(500),
        ),
    }
