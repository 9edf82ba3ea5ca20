"""The parts alone: knee, schedules, forecast, record and replay, explain, triggers."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ip2a_operator.domain.autoscaling import forecast, knee, record, schedules, triggers
from ip2a_operator.domain.autoscaling.codec import decode, encode
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.explain import explain, rejected, what_if
from ip2a_operator.domain.autoscaling.spec import Actuator, Floor, ForecastSpec, Mode, ScalerSpec, Schedule
from tests.unit.operator.autoscaling.worlds import AUTO, NOW, run, settled, world


def usl(level: float, sigma: float, kappa: float) -> float:
    return 125.0 * level / (1 + sigma * (level - 1) + kappa * level * (level - 1))


def test_knee_is_found_from_throughput() -> None:
    curve: knee.Curve = ()
    for level in (1, 2, 3, 4, 5, 7, 9, 11, 14, 20, 30, 45):
        curve = knee.observe(curve, float(level), usl(level, 0.09, 0.0023))
    assert knee.fitted_knee(curve, 4.0) == pytest.approx(20, abs=1)


def test_knee_is_assumed_until_measured() -> None:
    assert knee.knee((), 4.0) == 20
    assert knee.fitted_knee(((1.0, 100.0, 5.0), (2.0, 190.0, 5.0)), 4.0) is None


def test_nothing_is_learned_of_the_knee_from_idleness_or_without_weight() -> None:
    assert knee.observe((), 0.1, 5.0) == ()
    assert knee.observe((), 5.0, 0.0) == ()
    assert knee.fitted_knee(tuple((float(level), 100.0, 0.0) for level in range(1, 13)), 4.0) is None


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("2026-10-31 17:19", False),
        ("2026-10-31 17:21", True),
        ("2026-11-01 17:40", True),  # the day summer time ends
        ("2026-11-01 18:09", True),
        ("2026-11-01 18:11", False),
        ("2026-03-08 17:30", True),  # the day it begins
    ],
)
def test_schedule_follows_the_wall_clock_of_its_zone(when: str, holds: bool) -> None:
    zone = "America/Los_Angeles"
    schedule = Schedule("bidding", "25 17 * * *", zone, duration=2700.0, lead=300.0, floor=Floor(app=12))
    now = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone)).timestamp()
    assert schedules.active(schedule, now) is holds


@pytest.mark.parametrize(
    ("schedule", "word"),
    [
        (Schedule("a", "61 * * * *"), "cron"),
        (Schedule("b", "0 0 * * *", tz="Mars/Olympus"), "time zone"),
        (Schedule("c", "0 0 30 2 *"), "cron"),
    ],
)
def test_bad_schedules_are_explained(schedule: Schedule, word: str) -> None:
    assert word in (schedules.problem(schedule) or "")


def test_a_schedule_that_cannot_be_read_holds_no_floor() -> None:
    unreadable = Schedule("a", "61 * * * *", floor=Floor(app=9))
    always = Schedule("b", "* * * * *", floor=Floor(app=2, replicas=1))
    assert not schedules.active(unreadable, NOW)
    assert schedules.floor_at((unreadable, always), NOW) == Floor(2, 1)


def test_good_schedule_has_no_problem() -> None:
    assert schedules.problem(Schedule("a", "25 17 * * 1-5", "Europe/Berlin")) is None


def test_forecast_is_trusted_when_days_repeat() -> None:
    day = [100.0] * 20 + [180.0, 300.0, 320.0] + [320.0] * 20 + [150.0] * 20
    assert forecast.assess([day] * 6, 19, 2, 600.0, ForecastSpec()).trusted
    assert forecast.assess([day] * 6, 19, 2, 600.0, ForecastSpec()).factor == pytest.approx(2.5)


def test_forecast_is_not_trusted_on_flat_or_random_days() -> None:
    flat = [[100.0] * 60] * 6
    moving = [[100.0] * (10 * i) + [400.0] * (60 - 10 * i) for i in range(1, 6)]
    assert not forecast.assess(flat, 10, 2, 600.0, ForecastSpec()).trusted
    assert not forecast.assess(moving, 10, 2, 600.0, ForecastSpec()).trusted
    assert not forecast.assess(flat, 10, 2, 600.0, ForecastSpec(enabled=False)).trusted


def test_forecast_knows_nothing_from_few_days_or_empty_slots() -> None:
    day = [100.0] * 10 + [300.0] * 10
    assert forecast.growth([day, day], 5, 5, ForecastSpec()) == 1.0
    nights = [[0.0] * 20] * 6
    assert forecast.backtest(nights, 2, ForecastSpec()).slots == 0
    with pytest.raises(ValueError, match="quantile of nothing"):
        forecast.quantile((), 0.5)


def test_replay_repeats_a_decision_bit_for_bit() -> None:
    spec = replace(AUTO, schedules=(Schedule("a", "0 8 * * *", "Europe/Berlin", floor=Floor(app=3)),))
    state = settled(spec)
    for index, rate in enumerate((400.0, 1234.567, 0.1 + 0.2, 2000.0)):
        snapshot, now = world(offered=rate, offeredFast=rate), NOW + 5.0 * index
        decision = decide(snapshot, state, spec, now)
        replayed = record.replay(record.line("ns/name", snapshot, state, spec, decision))
        assert replayed.same
        assert replayed.decision == decision
        state = decision.state


def test_replay_notices_a_changed_line() -> None:
    state, snapshot = settled(), world()
    text = record.line("ns/name", snapshot, state, AUTO, decide(snapshot, state, AUTO, NOW))
    assert not record.replay(
        text.replace('"offered":{"age":2.0,"value":400.0}', '"offered":{"age":2.0,"value":900.0}')
    ).same


@pytest.mark.parametrize(
    "text", ["", "{}", '{"v":1}', '{"v":1,"now":1,"snapshot":{"x":1},"state":{},"spec":{},"decision":{}}']
)
def test_replay_refuses_other_lines(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|snapshot"):
        record.replay(text)


def test_spec_survives_json() -> None:
    spec = ScalerSpec(mode=Mode.AUTO, schedules=(Schedule("a", "0 8 * * *", floor=Floor(2, 3)),))
    assert decode(ScalerSpec, encode(spec)) == spec
    with pytest.raises(ValueError, match=r"app\.maks: unknown field"):
        decode(ScalerSpec, {"app": {"maks": 3}})


def test_explain_names_bottleneck_limits_and_rejections() -> None:
    snapshot = world(primaryCpu=0.95, pgActive=16.0, rwBusy=12.0, rwWaiting=5.0, p95=0.8)
    text = explain(run(snapshot, settled()), snapshot, AUTO)
    for part in (
        "DatabaseWrites",
        "primary: CPU 95%",
        "Rejected",
        "every write still needs the one primary",
        "p95 over 500 ms",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("30 9 * * *", "2027-01-15 09:30 to 10:30 Europe/Berlin, in 30 min, floors from 5 min before"),
        ("30 8 * * *", "2027-01-15 08:30 to 09:30 Europe/Berlin, under way"),
        ("61 8 * * *", "never"),
    ],
)
def test_explain_names_the_next_launch_and_what_is_in_place(cron: str, said: str) -> None:
    spec = replace(AUTO, schedules=(Schedule("portal", cron, "Europe/Berlin", floor=Floor(app=4, replicas=2)),))
    text = explain(run(world(), settled(spec), spec), world(), spec)
    assert said in text
    assert "at least 4 pods (4 ready) and 2 replicas (1 ready): not yet in place; cache hit 75%" in text


def test_more_pods_are_rejected_when_demand_does_not_need_them() -> None:
    lagging = run(world(lag=20.0), settled())
    app = lagging.of(Actuator.APP)
    assert ("more app pods", f"demand needs {app.need}, {app.current} are there") in rejected(lagging)
    assert not [what for what, _ in rejected(run(world(), settled())) if what == "more app pods"]


def test_what_if_scales_the_demand() -> None:
    decision, _ = what_if(world(), settled(), AUTO, NOW, users=16_000.0)
    assert decision.of(Actuator.APP).need > 20
    with pytest.raises(ValueError, match="users"):
        what_if(world(users=None), settled(), AUTO, NOW, users=4000.0)


def test_every_trigger_of_the_requirement_fires_at_its_threshold() -> None:
    loud = world(p95=0.6, rwBusy=11.0, users=300.0, errorRate=0.02, cacheHit=0.6, connections=370.0)
    quiet = world(p95=0.4, rwBusy=1.0, users=100.0, cacheHit=0.9, connections=100.0)
    names = {each.id for each in triggers.table(AUTO)}
    assert {each.id for each in run(loud, settled()).fired} == names
    assert run(quiet, settled()).fired == ()
