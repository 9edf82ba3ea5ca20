"""What was chosen of a report: as parameters of its statements, and in words. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from ip2a.referrals.rules import LOCAL_TIME, local
from ip2a.reports.files import Heading

FILTERS = ("status", "classification", "book_id", "course_id", "user_id", "member_id", "table")


def values_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The statements' parameters for what was chosen; days are the local's."""
    values: dict[str, Any] = {name: parameters.get(name) for name in FILTERS}
    if "first_day" in parameters:
        values["since"] = midnight(date.fromisoformat(parameters["first_day"]))
        values["until"] = midnight(date.fromisoformat(parameters["last_day"]) + timedelta(days=1))
    return values


def heading_of(title: str, report: Mapping[str, Any], now: datetime) -> Heading:
    """What stands on the report."""
    moment = local(now)
    made = f"Made {moment:%b} {moment.day}, {moment:%Y at %H:%M} Pacific time · report {report['id']} · confidential"
    return Heading(title, chosen_of(report["parameters"]), made)


def chosen_of(parameters: Mapping[str, Any]) -> str:
    """What was chosen, in words: "Oct 1, 2026 to Oct 31, 2026; book 3"."""
    parts = [
        f"{name.removesuffix('_id').replace('_', ' ').capitalize()}: {str(value).replace('_', ' ')}"
        for name, value in parameters.items()
        if name in FILTERS
    ]
    if "first_day" in parameters:
        days = (date.fromisoformat(parameters[name]) for name in ("first_day", "last_day"))
        parts.insert(0, " to ".join(f"{day:%b} {day.day}, {day.year}" for day in days))
    return "; ".join(parts) or "Everything"


def midnight(day: date) -> datetime:
    """When the day begins on the local's clock."""
    return datetime.combine(day, time(), LOCAL_TIME)
