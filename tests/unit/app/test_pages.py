from datetime import UTC, date, datetime

import pytest

from ip2a.pages.auth import safe_target
from ip2a.pages.rendering import day, moment, money, month, words


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/my/dues", "/my/dues"),
        ("/my/dues?before=2026-01", "/my/dues?before=2026-01"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("my/dues", "/"),
        ("", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_login_leads_only_to_our_own_paths(target: str, expected: str) -> None:
    assert safe_target(target) == expected


def test_amounts_and_months_in_words() -> None:
    assert [money(cents) for cents in (0, 5, 7500, 123_456_789, -250)] == [
        "$0.00",
        "$0.05",
        "$75.00",
        "$1,234,567.89",
        "−$2.50",
    ]
    assert month(2026, 12) == "December 2026"


def test_days_are_the_locals_whatever_the_hour() -> None:
    evening = datetime(2026, 6, 1, 2, tzinfo=UTC)  # still May in Seattle
    assert (day(evening), words(evening), moment(evening)) == ("May 31, 2026", "May 31, 2026", "May 31, 2026, 19:00")
    assert (day(date(2026, 6, 1)), day(None), moment(None)) == ("Jun 1, 2026", "–", "–")
