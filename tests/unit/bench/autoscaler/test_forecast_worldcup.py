"""The growth floor on a real month: the WorldCup98 tournament, day by day, as the operator would have met it.

Quarters of an hour and seven past days, as in `reconcile.outlook`; each day is judged with what was known that morning.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.autoscaler.scenarios import TRACE
from ip2a_operator.domain.autoscaling.forecast import HEADROOM, assess, backtest, growth
from ip2a_operator.domain.autoscaling.spec import ForecastSpec
from ip2a_operator.reconcile.outlook import DAYS, SLOT

DATA = Path(__file__).with_name("worldcup98_days.csv")
AHEAD = 1
SPEC = ForecastSpec()
Day = tuple[float, ...]


@dataclass(frozen=True)
class Lived:
    """One day: the verdict of its morning, and what the floor then did on it."""

    trusted: bool
    missed_without: int
    missed_with: int
    extra: float


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(text for text in file if not text.startswith("#")))


def tournament() -> dict[str, Day]:
    """Requests per second by date."""
    return {date: tuple(int(count) / SLOT for count in counts) for date, *counts in rows(DATA)}


def lived(days: list[Day], index: int) -> Lived:
    """The day with this index, after the seven before it."""
    past, day = days[index - DAYS : index], days[index]
    verdict = assess(past, 0, AHEAD, float(SLOT), SPEC)
    without = with_floor = 0
    extra = 0.0
    slots = range(len(day) - AHEAD)
    for slot in slots:
        factor = growth(past[-5:], slot, AHEAD, SPEC)
        without += day[slot + AHEAD] > HEADROOM * day[slot]
        with_floor += day[slot + AHEAD] > HEADROOM * factor * day[slot]
        extra += (factor - 1.0) / len(slots)
    return Lived(verdict.trusted, without, with_floor, extra)


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return list(tournament().values())


@pytest.fixture(scope="module")
def month(days: list[Day]) -> list[Lived]:
    return [lived(days, index) for index in range(DAYS, len(days))]


def test_the_days_are_of_the_same_trace_as_the_scenario() -> None:
    slots = tournament()["1998-06-30"]
    minutes = [float(count) for _, count in rows(TRACE)[1:]]
    assert rows(TRACE)[1][0] == "1998-06-30 13:00:00"
    for quarter in range(len(minutes) // 15):
        assert slots[13 * 4 + quarter] * SLOT == pytest.approx(sum(minutes[15 * quarter : 15 * quarter + 15]))


def test_the_tournament_convinces_the_backtest(days: list[Day]) -> None:
    """19 of 2,850 quarters would have been under-provided; the floor leaves 3, at 5 % more capacity."""
    found = backtest(days, AHEAD, SPEC)
    assert (found.slots, found.missed_without, found.missed_with) == (2850, 19, 3)
    assert found.extra_capacity == pytest.approx(0.050, abs=0.001)
    assert found.convincing


def test_what_trusting_it_saved_and_cost(month: list[Lived]) -> None:
    """Of 26 days it was trusted on 22: 15 under-provided quarters there became 2, at 5.2 % more capacity."""
    trusted = [day for day in month if day.trusted]
    assert (len(month), len(trusted)) == (26, 22)
    assert sum(day.missed_without for day in trusted) == 15
    assert sum(day.missed_with for day in trusted) == 2
    assert sum(day.extra for day in trusted) / len(trusted) == pytest.approx(0.052, abs=0.001)
    assert max(day.extra for day in trusted) < 0.06


def test_no_day_was_worse_with_it(month: list[Lived]) -> None:
    assert all(day.missed_with <= day.missed_without for day in month)


def test_days_without_a_kick_off_behind_them_do_not_convince(days: list[Day], month: list[Lived]) -> None:
    """The 20th to the 23rd of June: with one miss or none in the week before there is nothing to gain, and so no trust.
    What that distrust cost is one quarter, on the 23rd."""
    distrusted = [day for day in month if not day.trusted]
    assert [index for index, day in enumerate(month) if not day.trusted] == [3, 4, 5, 6]
    assert sum(day.missed_without - day.missed_with for day in distrusted) == 1
    verdict = assess(days[3 + 1 : 3 + 1 + DAYS], 0, AHEAD, float(SLOT), SPEC)
    assert not verdict.trusted
    assert "under-provided 0 without" in verdict.reason


def test_days_that_do_not_repeat_do_not_convince(days: list[Day]) -> None:
    """The same days, each turned by some hours: the floor then costs without saving, and is refused."""
    turned = [day[5 * index % 96 :] + day[: 5 * index % 96] for index, day in enumerate(days)]
    assert not backtest(turned, AHEAD, SPEC).convincing
