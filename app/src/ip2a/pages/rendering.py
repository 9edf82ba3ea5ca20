"""Templates and what they may use."""

import hashlib
from datetime import date, time
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from ip2a.pages.navigation import links
from ip2a.web.problems import Problem

NOBODY = {"account": None, "csrf_token": None}
STATIC = Path(__file__).parent.parent / "static"
ACRONYMS = frozenset({"ach", "cpr", "cwa", "jatc", "mou", "osha", "pla", "rif", "tero", "vp"})
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def money(cents: int) -> str:
    """Cents as dollars: 7500 → $75.00."""
    return f"{'−' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def month(year: int, number: int) -> str:
    """A month in words: 2026, 1 → January 2026."""
    return f"{MONTHS[number - 1]} {year}"


def day(value: date | None) -> str:
    """A date in words, or a dash."""
    return "–" if value is None else f"{MONTHS[value.month - 1][:3]} {value.day}, {value.year}"


def label(value: str) -> str:
    """An enum's value in words: apprentice_1 → Apprentice 1, osha_10 → OSHA 10."""
    first, *others = (word.upper() if word in ACRONYMS else word for word in value.split("_"))
    return " ".join((first[:1].upper() + first[1:], *others))


def words(value: object) -> str:
    """Any value of a record for people: dates, states, yes and no; a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return day(value)
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return label(value.value) if isinstance(value, StrEnum) else str(value)


def history(table: str, identifier: int) -> str:
    """Where the audit trail tells of a record."""
    return f"/office/audit?table={table}&record={identifier}"


def static_url(name: str) -> str:
    """A static file's address with a digest of its content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


TEMPLATES = Environment(
    loader=PackageLoader("ip2a"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,  # looking for changes is a blocking call
)
TEMPLATES.filters.update(money=money, day=day, label=label, words=words)
TEMPLATES.globals.update(
    links=links, month=month, history=history, stylesheet=static_url("app.css"), icon=static_url("icon.svg")
)
TEMPLATES.globals.update(script=static_url("app.js"), manifest=static_url("manifest.webmanifest"))
for _name in TEMPLATES.list_templates(extensions=["html"]):
    TEMPLATES.get_template(_name)  # read and compiled before the first request: both block


def render(template: str, values: dict[str, object], status: int = 200) -> HTMLResponse:
    """A page; `csrf_token` and `account` are None where nobody is logged in."""
    return HTMLResponse(TEMPLATES.get_template(template).render({**NOBODY, **values}), status)


def error_page(problem: Problem) -> bytes:
    """A problem for a person, where nobody knows yet who asks."""
    return TEMPLATES.get_template("error.html").render({**NOBODY, "problem": problem}).encode()


def render_error(problem: Problem) -> HTMLResponse:
    """A problem for a person."""
    response = render("error.html", {"problem": problem}, problem.status)
    response.headers.update(problem.headers)
    return response
