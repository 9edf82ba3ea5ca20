"""People for a load: members with a login, and a month of dues that is never paid in full."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from ip2a.security.tokens import TokenKeys, issue_access_token
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes
from tests.e2e.unretried_load import Request

PEOPLE = 400
"""Nobody may ask more than 60 times a minute; together they may ask 400 times a second."""
EVERY_WRITE = 10

_SQL = f"""
WITH m AS (
  INSERT INTO members (member_number, first_name, last_name, address, city, state, zip_code, phone, email, hire_date,
    status, classification)
  SELECT 'L' || n, 'Load', 'Member ' || n, n || ' Cedar St', 'Kent', 'WA', '98032', '(206) 555-0100',
    'load' || n || '@local46.example', '2020-01-01', 'active', 'journeyman' FROM generate_series(1, {PEOPLE}) n
  ON CONFLICT (member_number) DO NOTHING RETURNING id, email),
u AS (
  INSERT INTO users (email, password_hash, first_name, last_name, member_id)
  SELECT email, 'no password', 'Load', 'Member', id FROM m RETURNING id),
r AS (INSERT INTO user_roles (user_id, role_id) SELECT u.id, roles.id FROM u, roles WHERE roles.name = 'member'),
p AS (SELECT id FROM dues_periods ORDER BY id DESC LIMIT 1)
INSERT INTO dues_payments (member_id, period_id, amount_due_cents, status)
SELECT m.id, p.id, 1000000, 'due' FROM m, p
"""  # noqa: S608 - a number of our own
_LIST = """
SELECT json_agg(json_build_array(u.id, m.id, d.id)) FROM users u JOIN members m ON m.id = u.member_id
JOIN dues_payments d ON d.member_id = m.id WHERE m.member_number LIKE 'L%'
"""


@dataclass(frozen=True)
class Member:
    """Somebody who is logged in."""

    token: str
    dues: int


def members(kubernetes: Kubernetes) -> list[Member]:
    """Makes them, once, and logs each in."""
    kubernetes.sql(" ".join(_SQL.split()), role="primary")
    rows = json.loads(kubernetes.sql(" ".join(_LIST.split()), role="primary"))
    keys, now = TokenKeys(kubernetes.secret(NAMESPACE, f"{RESOURCE}-app-keys", "jwt-key").encode()), datetime.now(UTC)
    return [
        Member(
            issue_access_token(
                keys,
                user_id=user,
                member_id=member,
                roles=("member",),
                epoch=1,
                session_id=str(UUID(int=user)),
                now=now,
            ),
            dues,
        )
        for user, member, dues in rows
    ]


class Conversation:
    """What members ask: profile and dues in turn, and every tenth request is a payment of one cent."""

    def __init__(self, people: list[Member]) -> None:
        self._people = itertools.cycle(people)

    def __call__(self, number: int) -> Request:
        person = next(self._people)
        headers = {"Authorization": f"Bearer {person.token}"}
        if number % EVERY_WRITE:
            return Request("GET", ("/api/v1/my/profile", "/api/v1/my/dues")[number % 2], headers)
        headers |= {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        return Request("POST", f"/api/v1/my/dues/{person.dues}/payments", headers, b'{"amount_cents": 1}')
