import pytest

from ip2a.pages.auth import safe_target
from ip2a.pages.rendering import money, month


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
