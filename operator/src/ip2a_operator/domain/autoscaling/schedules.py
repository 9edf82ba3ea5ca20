"""Known peaks: cron times in a named time zone that raise floors. They never lower anything.

The last start before an instant is found backwards from that instant, so nothing has to be remembered.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from ip2a_operator.domain.autoscaling.spec import Floor, Schedule


def problem(schedule: Schedule) -> str | None:
    """Why the schedule cannot be used, or None: for validation before it gets here."""
    try:
        _last_start(schedule.cron, schedule.tz, 0)
    except CronSimError as error:
        return f"schedules[{schedule.name}].cron {schedule.cron!r} is not a cron expression: {error}"
    except (ZoneInfoNotFoundError, ValueError):
        return f"schedules[{schedule.name}].tz {schedule.tz!r} is not a time zone name such as Europe/Berlin"
    except StopIteration:
        return f"schedules[{schedule.name}].cron {schedule.cron!r} never happens"
    return None


def floor_at(schedules: Iterable[Schedule], now: float, least_lead: float = 0.0) -> Floor:
    """The largest floors in force at `now`, each starting its own lead (at least `least_lead`) early."""
    app = replicas = 0
    for schedule in schedules:
        if active(schedule, now, least_lead):
            app, replicas = max(app, schedule.floor.app), max(replicas, schedule.floor.replicas)
    return Floor(app, replicas)


def active(schedule: Schedule, now: float, least_lead: float = 0.0) -> bool:
    """Whether the schedule's floor holds at `now`."""
    lead = max(schedule.lead, least_lead)
    minute = int((now + lead) // 60)
    try:
        start = _last_start(schedule.cron, schedule.tz, minute)
    except (CronSimError, ZoneInfoNotFoundError, ValueError, StopIteration):
        return False  # refused by `problem` before; a floor that cannot be read must not stop the loop
    return now + lead < start + lead + schedule.duration


def next_start(schedule: Schedule, now: float) -> float | None:
    """Epoch seconds at which the schedule begins next, or began if it is under way; None if it cannot be read."""
    try:
        last = _last_start(schedule.cron, schedule.tz, int(now // 60))
        if now < last + schedule.duration:
            return last
        return next(CronSim(schedule.cron, datetime.fromtimestamp(now, ZoneInfo(schedule.tz)))).timestamp()
    except (CronSimError, ZoneInfoNotFoundError, ValueError, StopIteration):
        return None


@lru_cache(maxsize=4096)
def _last_start(cron: str, tz: str, minute: int) -> float:
    """Epoch seconds of the newest time of `cron` not after the given epoch minute."""
    upto = datetime.fromtimestamp(minute * 60 + 60, ZoneInfo(tz))  # exclusive bound: one minute later
    return next(CronSim(cron, upto, reverse=True)).timestamp()
