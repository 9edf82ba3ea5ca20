"""What a problem says to a person: no names of permissions, no jargon. Pure."""

import re

from ip2a.web.problems import INVALID, Problem

NOT_FOR_YOU = "This page is not for your account"
HEADINGS = {
    "not-permitted": NOT_FOR_YOU,
    "address-not-allowed": NOT_FOR_YOU,
    "no-membership": NOT_FOR_YOU,
    "password-change-needed": "Choose a new password first",
}
BY_STATUS = {404: "There is nothing here", 429: "One moment, please", 503: "One moment, please"}
TEXTS = {
    "not-permitted": "Your account may not do this. If your work needs it, ask an administrator of the local.",
    "address-not-allowed": "Accounts and the platform are administered from the local's own network only.",
    "pay-by-card": "Pay by card from the page My dues.",
    "no-membership": "Your account is not linked to a membership. If you are a member, ask the local's office.",
    "method-not-allowed": "This address cannot be used like that. Go back and use the buttons of the page.",
    "invalid-cursor": "This list has changed its form. Open it again from the beginning.",
}
# Browsers name those they are like as well, so the order counts.
BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
_NAME = re.compile(r"`(\w+)`")
GENERIC = {
    "Not Found": "The address may be mistyped, or what was here has moved.",
    INVALID: "Something in the form or in the address is missing or not valid. Go back and look at it again.",
}
"""What to say instead of a text that tells a person nothing."""


def explained(problem: Problem) -> tuple[str, str]:
    """A heading and a text."""
    heading = HEADINGS.get(problem.kind) or BY_STATUS.get(problem.status) or "That did not work"
    return heading, TEXTS.get(problem.kind) or GENERIC.get(problem.detail) or plain(problem.detail)


def device(agent: str | None) -> str:
    """A browser and what it runs on, out of what it says of itself: Firefox on Windows."""
    if not agent:
        return "Unknown device"
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " on ".join(filter(None, (browser, system))) or agent[:40]


def plain(detail: str) -> str:
    """A problem's text without the names of fields as programs write them: `new_password` → New password."""
    text = _NAME.sub(lambda found: found[1].replace("_", " "), detail)
    return text[:1].upper() + text[1:]
