"""The forecast's memory: whole days only, asked for once an hour, and harmless when there are none."""

import asyncio
from collections.abc import Mapping, Sequence

from ip2a_operator.domain.autoscaling.snapshot import Growth
from ip2a_operator.domain.plan import Surroundings
from ip2a_operator.errors import UnavailableError
from ip2a_operator.reconcile.outlook import DAY, DAYS, EVERY, SLOT, Outlook, days
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.subjects import make_subject
from tests.unit.operator.worlds import IMAGES, resource

NOW = 20_000.0 * DAY + 9 * 3600.0
END = 20_000.0 * DAY
SUBJECT = make_subject(resource(), Surroundings(IMAGES), "http://prometheus")
Points = Sequence[tuple[float, float]]


class Memory:
    """Stands in for Prometheus and for the meter."""

    def __init__(self, points: Points | None) -> None:
        self.points, self.asked, self.failures = points, 0, 0

    async def query(self, url: str, text: str) -> tuple[()]:
        return ()

    async def history(
        self, url: str, text: str, start: float, end: float, step: int
    ) -> Mapping[tuple[str, str], Points]:
        self.asked += 1
        assert (start, end, step) == (END - DAYS * DAY, END - SLOT, SLOT)
        if self.points is None:
            raise UnavailableError("dark")
        return {("members", "local46"): self.points}

    def failed(self, what: str) -> None:
        self.failures += 1

    def ticked(self, seconds: float, resources: int) -> None: ...
    def decided(self, key: Key, decision: object, seconds: float) -> None: ...
    def wrote(self, actuator: str, *, up: bool) -> None: ...
    def forget(self, key: Key) -> None: ...


def week() -> list[tuple[float, float]]:
    """Every day the same: 100/s, and twice that from nine o'clock and a quarter on."""
    slots = DAY // SLOT
    rates = [100.0 if slot < 37 else 200.0 for slot in range(slots)]
    return [(END - (DAYS * slots - index) * SLOT, rates[index % slots]) for index in range(DAYS * slots)]


def grown(memory: Memory, *times: float) -> Growth | None:
    outlook = Outlook(memory, memory)
    for now in times:
        asyncio.run(outlook.refresh([SUBJECT], now))
    return outlook.growth(SUBJECT.key)


def test_days_with_gaps_are_left_out() -> None:
    points = week()
    assert [len(day) for day in days(points, END)] == [DAY // SLOT] * DAYS
    assert len(days(points[:300] + points[301:], END)) == DAYS - 1
    assert days([], END) == ()
    assert len(days([*points[:5], (points[5][0], float("nan")), *points[6:]], END)) == DAYS - 1


def test_growth_that_came_every_day_is_foreseen_and_trusted() -> None:
    found = grown(Memory(week()), NOW)
    assert found is not None
    assert found.factor == 2.0
    assert found.trusted
    later = grown(Memory(week()), NOW, NOW + 4 * SLOT)
    assert later is not None
    assert later.factor == 1.0


def test_it_is_asked_once_an_hour_and_darkness_is_no_forecast() -> None:
    memory = Memory(None)
    assert grown(memory, NOW, NOW + 5.0, NOW + EVERY - 1.0) is None
    assert (memory.asked, memory.failures) == (1, 1)
