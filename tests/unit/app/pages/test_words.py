"""What problems say to people."""

import pytest

from ip2a.pages.words import device, explained, plain
from ip2a.web.problems import INVALID, Problem


@pytest.mark.parametrize(
    ("problem", "heading", "text"),
    [
        (Problem(403, "not-permitted", "This needs the permission dues:process."), "not for your account", "ask an"),
        (Problem(403, "address-not-allowed", "…"), "not for your account", "own network"),
        (Problem(404, "not-found", "Not Found"), "nothing here", "mistyped"),
        (Problem(404, "no-such-account", "There is no such account."), "nothing here", "no such account"),
        (Problem(422, "invalid-request", INVALID), "did not work", "look at it again"),
        (Problem(422, "invalid-request", "A note needs some text."), "did not work", "A note needs"),
        (Problem(429, "rate-limited", "Too many requests; try again in 3 s."), "One moment", "in 3 s"),
    ],
)
def test_problems_in_words(problem: Problem, heading: str, text: str) -> None:
    said_heading, said = explained(problem)
    assert heading in said_heading
    assert text in said
    assert ":process" not in said
    assert said_heading.lower() not in said.lower(), "nothing is said twice"


def test_names_of_fields_are_words() -> None:
    assert plain("`new_password` must differ from the current one.") == "New password must differ from the current one."
    assert plain("`email`: there is one.") == "Email: there is one."
    assert plain("") == ""


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0", "Firefox on Android"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("", "Unknown device"),
        (None, "Unknown device"),
    ],
)
def test_devices_in_words(agent: str | None, expected: str) -> None:
    assert device(agent) == expected
