"""What is wrong with a form, by the field. Pure."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

WORDS = {
    "zip_code": "Five digits, or five and four: 98032 or 98032-1234.",
    "state": "Two capital letters, such as WA.",
    "phone": "Seven digits or more; blanks, dots, dashes and parentheses are fine.",
    "email": "An address such as name@example.org.",
    "website": "An address that begins with https:// or http://.",
    "code": "Letters, digits and dashes.",
}


BY_TYPE = {
    "missing": "This is needed.",
    "string_too_short": "This is needed.",
    "date_from_datetime_parsing": "A day such as 2026-11-30.",
    "date_parsing": "A day such as 2026-11-30.",
    "date_from_datetime_inexact": "A day such as 2026-11-30.",
    "time_parsing": "A time such as 17:30.",
    "decimal_parsing": "A number such as 8 or 8.5.",
    "enum": "Choose one of the list.",
}


def messages_of(error: ValidationError) -> dict[str, str]:
    """A message for each field at fault."""
    return {
        str(item["loc"][0]): BY_TYPE.get(item["type"]) or WORDS.get(str(item["loc"][0])) or _message(item)
        for item in error.errors(include_url=False, include_input=False)
        if item["loc"]
    }


def _message(item: ErrorDetails) -> str:
    """What pydantic says, without its words for programs; amounts as people write them."""
    limits = item.get("ctx", {})
    if str(item["loc"][0]).endswith("_cents") and "le" in limits:
        return f"At most ${limits['le'] // 100:,}."
    if str(item["loc"][0]).endswith("_cents") and "ge" in limits:
        return "An amount of more than nothing."
    text = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{text[:1].upper()}{text[1:]}."
