"""Values of the database as text for people and for spreadsheets. Pure."""

import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

from ip2a.referrals.rules import local
from ip2a.reports.contents import Form

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
PDF_ENCODING = "cp1252"
"""What the fonts that every reader of PDF brings can show."""

Value = object
Cell = str | int | Decimal | date | None


def cell(value: Value, form: Form) -> Cell:
    """The value as a number, a day or a text; amounts in dollars."""
    if value is None:
        return None
    if form is Form.MONEY:
        return Decimal(int(str(value))).scaleb(-2)
    if isinstance(value, datetime):
        return _moment(value, form)
    if isinstance(value, (int, Decimal, date)):
        return value
    if form is Form.DATA:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value).replace("_", " ").capitalize() if form is Form.WORD else str(value)


def _moment(value: datetime, form: Form) -> str:
    if form is Form.INSTANT:
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return local(value).strftime("%Y-%m-%d %H:%M")


def plain(value: Cell, form: Form) -> str:
    """The cell as a file of text has it: dots and no thousands in numbers."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}" if form is Form.MONEY else f"{value.normalize():f}"
    return str(value)


def guarded(value: Cell, form: Form) -> str:
    """The cell for CSV: a text that a spreadsheet would take for a formula begins with an apostrophe."""
    text = plain(value, form)
    return f"'{text}" if isinstance(value, str) and text.startswith(DANGEROUS) else text


def printed(value: Cell, form: Form) -> str:
    """The cell on paper."""
    if isinstance(value, Decimal) and form is Form.MONEY:
        return f"{'-' if value < 0 else ''}${abs(value):,.2f}"
    if isinstance(value, date):
        return f"{value:%b} {value.day}, {value.year}"
    return printable(plain(value, form))


def printable(text: str) -> str:
    """The text in letters that the PDF's fonts have: others lose their accents, and what is left becomes `?`."""
    if text.isascii():
        return text
    found = []
    for character in text:
        base = unicodedata.normalize("NFKD", character)[0]
        found.append(next((each for each in (character, base) if _has(each)), "?"))
    return "".join(found)


def _has(character: str) -> bool:
    try:
        character.encode(PDF_ENCODING)
    except UnicodeEncodeError:
        return False
    return True
