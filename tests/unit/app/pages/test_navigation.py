"""Which pages an account is offered, and what of them stands behind a label."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ip2a.pages.navigation import Link, Menu, links, menu
from ip2a.security.principal import Principal, read_principal


def account(*roles: str, member_id: int | None = None) -> Principal:
    found = {
        "user_id": 1,
        "email": "a@test.example",
        "first_name": "A",
        "last_name": "B",
        "member_id": member_id,
        "is_active": True,
        "token_epoch": 1,
        "roles": list(roles),
        "ended_sessions": [],
    }
    principal = read_principal(json.dumps(found).encode())
    assert principal is not None
    return principal


def labels(offered: list[Link | Menu]) -> list[Any]:
    return [
        [entry.label, *(link.label for link in entry.links)] if isinstance(entry, Menu) else entry.label
        for entry in offered
    ]


@pytest.mark.parametrize(
    ("roles", "member_id", "expected"),
    [
        ((), None, ["Start"]),
        (("applicant",), None, ["My application", "My documents"]),
        (("instructor",), None, ["School", "Audit trail"]),
        (("organizer",), None, ["Members", "Records", "Audit trail"]),
        (
            ("member",),
            5,
            [
                "My dues",
                "My referral",
                "My documents",
                ["More pages", "My certificates", "My grievances", "Help in need", "My profile"],
            ],
        ),
        (
            ("staff",),
            None,
            ["Members", "Dispatch", "Dues", "School", "Records", ["More pages", "Reports", "Audit trail"]],
        ),
        (
            ("admin",),
            None,
            [
                "Members",
                "Dispatch",
                "Dues",
                "School",
                "Records",
                ["More pages", "Reports", "Audit trail", "Administration"],
            ],
        ),
    ],
)
def test_what_is_used_all_day_stands_beside(roles: tuple[str, ...], member_id: int | None, expected: list[Any]) -> None:
    assert labels(menu(account(*roles, member_id=member_id))) == expected


def test_who_works_here_and_is_a_member_has_both() -> None:
    offered = menu(account("staff", "member", member_id=5))
    assert isinstance(offered[0], Menu)
    assert offered[0].label == "My pages"
    assert offered[0].names >= {"dues", "profile"}
    assert offered[1:] == menu(account("staff"))


def test_every_page_is_somewhere_in_the_menu() -> None:
    for given in (account("admin"), account("member", member_id=5), account("officer", "member", member_id=5)):
        flat = [link for entry in menu(given) for link in (entry.links if isinstance(entry, Menu) else (entry,))]
        assert sorted(flat) == sorted(links(given))
