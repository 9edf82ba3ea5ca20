"""Templates and what they may use."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from secrets import token_urlsafe

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from ip2a.pages.compiled import FOLDER, Compiled
from ip2a.pages.navigation import links, menu
from ip2a.pages.words import device, explained, plain
from ip2a.referrals.rules import local
from ip2a.web.problems import Problem

NOBODY: Mapping[str, object] = {"account": None, "csrf_token": None, "active": ""}
HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "attributesToSettle": ["class"],  # not style: an emptied one would be set again, which the policy refuses
    "historyCacheSize": 0,  # nothing personal is kept on the device
    "historyRestoreAsHxRequest": False,
    "includeIndicatorStyles": False,
    "reportValidityOfForms": True,
}
"""What htmx may do under our content security policy."""
KEY_FIELD = "idempotency_key"
"""The field of a form that names the key under which it is done once."""
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
    """A date in words, or a dash; of a time, the day that it is on the local's clocks."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        value = local(value)
    return f"{MONTHS[value.month - 1][:3]} {value.day}, {value.year}"


def moment(value: datetime | None) -> str:
    """A time in words as the local's clocks show it, or a dash."""
    return "–" if value is None else f"{day(value)}, {local(value):%H:%M}"


def size(number: int | None) -> str:
    """Bytes in words: 2048 → 2 KB."""
    if number is None:
        return "–"
    if number < 1024:
        return f"{number} bytes"
    return f"{number / 1024:.0f} KB" if number < 1024**2 else f"{number / 1024**2:.1f} MB"


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


def guards(csrf_token: str) -> Markup:
    """What every form of somebody logged in carries unseen: where it is from, and a key under which it is done once
    however often it is sent.
    """
    hidden = Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format
    return hidden("csrf_token", csrf_token) + hidden(KEY_FIELD, token_urlsafe(18))


def static_url(name: str) -> str:
    """A static file's address with a digest of its content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


COMPILED = Compiled(str(FOLDER))
TEMPLATES = Environment(
    loader=PackageLoader("ip2a"),
    bytecode_cache=COMPILED,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,  # looking for changes is a blocking call
)
TEMPLATES.filters.update(
    money=money,
    day=day,
    moment=moment,
    size=size,
    label=label,
    words=words,
    plain=plain,
    device=device,
)
TEMPLATES.globals.update(
    links=links, menu=menu, month=month, history=history, stylesheet=static_url("app.css"), icon=static_url("icon.svg")
)
TEMPLATES.globals.update(guards=guards)
TEMPLATES.globals.update(script=static_url("app.js"), manifest=static_url("manifest.webmanifest"))
TEMPLATES.globals.update(htmx=static_url("vendor/htmx.min.js"), htmx_config=json.dumps(HTMX))
for _name in TEMPLATES.list_templates(extensions=["html"]):
    TEMPLATES.get_template(_name)  # read and compiled before the first request: both block


def render(template: str, values: Mapping[str, object], status: int = 200, part: str = "") -> HTMLResponse:
    """A page, or only its block `part` where it has one of this name; such a block imports what it uses.

    `csrf_token` and `account` are None where nobody is logged in.
    """
    page = TEMPLATES.get_template(template)
    given = {**NOBODY, **values}
    if part in page.blocks:
        return HTMLResponse("".join(page.blocks[part](page.new_context(given))), status)
    return HTMLResponse(page.render(given), status)


def error_page(problem: Problem, frame: Mapping[str, object] = NOBODY) -> str:
    """A problem for a person; `frame` says who it is, where that is known."""
    heading, text = explained(problem)
    values = {**NOBODY, **frame, "heading": heading, "text": text}
    return TEMPLATES.get_template("error.html").render(values)


def render_error(problem: Problem, frame: Mapping[str, object] = NOBODY) -> HTMLResponse:
    """A problem for a person, as the answer."""
    return HTMLResponse(error_page(problem, frame), problem.status, problem.headers)
