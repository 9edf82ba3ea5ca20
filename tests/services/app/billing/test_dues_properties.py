"""Whatever is paid, adjusted, refunded and marked in whichever order: amounts and status are those of the rules."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime
from tests.services.app.conftest import DUE_CENTS, People
from tests.services.app.referrals.conftest import visit

DUE_ON, GRACE = date(2026, 1, 1), date(2026, 1, 15)
MOMENTS = {
    "before": datetime(2025, 12, 20, 20, tzinfo=UTC),
    "within the grace": datetime(2026, 1, 10, 20, tzinfo=UTC),
    "late": datetime(2026, 2, 1, 20, tzinfo=UTC),
}
CENTS = st.sampled_from([1, 2500, 5000, 7500, 7501])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "adjust", "refund", "mark"]),
        st.sampled_from(list(MOMENTS)),
        CENTS,
        st.sampled_from([-1, 1]),
    ),
    min_size=2,
    max_size=7,
)


@dataclass
class Month:
    """The rules, as the notes have them: what a member owes for one month."""

    due: int = DUE_CENTS
    paid: int = 0
    status: str = "due"
    payments: list[int] = field(default_factory=list)

    def pay(self, cents: int, _today: date) -> bool:
        """Whether the payment is taken."""
        if self.status not in {"pending", "due", "partial", "overdue"} or self.paid + cents > self.due:
            return False
        self.paid += cents
        self.payments.append(cents)
        self.status = "paid" if self.paid >= self.due else "overdue" if self.status == "overdue" else "partial"
        return True

    def adjust(self, cents: int, today: date) -> bool:
        """Whether what is due changes."""
        if self.due + cents < self.paid:
            return False
        self.due += cents
        self.status = "waived" if self.due == 0 else self.standing(today)
        return True

    def refund(self, cents: int, today: date) -> bool:
        """Whether the last payment gives this back."""
        if not self.payments or cents > self.payments[-1]:
            return False
        self.payments[-1] -= cents
        self.paid -= cents
        self.status = self.standing(today)
        return True

    def mark(self, today: date) -> None:
        """The nightly job."""
        if self.status in {"pending", "due", "partial"} and today > GRACE:
            self.status = "overdue"
        elif self.status == "pending" and today >= DUE_ON:
            self.status = "due"

    def standing(self, today: date) -> str:
        """What follows from the amounts."""
        if self.paid >= self.due:
            return "paid"
        if today > GRACE:
            return "overdue"
        if self.paid > 0:
            return "partial"
        return "pending" if today < DUE_ON else "due"


class Office:
    """A clerk and an officer, each at every moment."""

    def __init__(self, runtime: Runtime, people: People, clients: dict[tuple[str, str], httpx.AsyncClient]) -> None:
        self._runtime = runtime
        self.people = people
        self._clients = clients

    async def post(self, role: str, moment: str, path: str, **body: object) -> httpx.Response:
        """Somebody writes, under a fresh key."""
        client = self._clients[role, moment]
        return await client.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": secrets.token_hex(8)})

    async def take(self, dues: int, step: tuple[str, str, int, int]) -> bool:
        """Whether the step was taken."""
        what, moment, cents, sign = step
        if what == "pay":
            answer = await self.post("staff", moment, f"dues/{dues}/payments", amount_cents=cents)
        elif what == "mark":
            answer = await self.post("staff", moment, "dues/mark-overdue")
        elif what == "adjust":
            order = {
                "dues_payment_id": dues,
                "adjustment_type": "other",
                "amount_cents": cents * sign,
                "reason": "test",
            }
            asked = await self.post("staff", moment, "dues/adjustments", **order)
            answer = await self.post("officer", moment, f"dues/adjustments/{asked.json()['id']}/approve")
        else:
            answer = await self._refund(dues, moment, cents)
        assert answer.status_code in {200, 201, 409}, answer.text
        return answer.is_success

    async def _refund(self, dues: int, moment: str, cents: int) -> httpx.Response:
        payment = await self.value("SELECT coalesce(max(id), 0) FROM payments WHERE dues_payment_id = :id", dues)
        if not payment:
            return httpx.Response(409)
        asked = await self.post("staff", moment, f"payments/{payment}/refunds", amount_cents=cents, reason="test")
        if asked.status_code != 201:
            return asked
        return await self.post("officer", moment, f"payments/refunds/{asked.json()['id']}/approve")

    async def value(self, statement: str, identifier: int) -> int:
        """A number that is stored."""
        async with transaction(self._runtime.databases.write, SYSTEM) as connection:
            return int((await connection.execute(text(statement), {"id": identifier})).scalar_one())

    async def stored(self, dues: int) -> tuple[int, int, str]:
        """(due, paid, status)."""
        async with transaction(self._runtime.databases.write, SYSTEM) as connection:
            row = await connection.execute(
                text("SELECT amount_due_cents, amount_paid_cents, status FROM dues_payments WHERE id = :id"),
                {"id": dues},
            )
            due, paid, status = row.one()
            return int(due), int(paid), str(status)


@pytest.fixture
async def office(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("staff", 1_000_000, 1_000_000))
    async with AsyncExitStack() as stack:
        clients = {}
        for role in ("staff", "officer"):
            person = await people.make(role)
            for name, moment in MOMENTS.items():
                clients[role, name] = await stack.enter_async_context(visit(runtime, moment, person))
        yield Office(runtime, people, clients)


@settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
async def test_amounts_and_status_follow_the_rules(office: Office, steps: list[tuple[str, str, int, int]]) -> None:
    person = await office.people.make(months=1)
    (dues,) = person.dues_ids
    month = Month()
    for step in steps:
        what, moment, cents, sign = step
        today = MOMENTS[moment].date()
        expected = True
        if what == "mark":
            month.mark(today)
        elif what == "adjust":
            expected = month.adjust(cents * sign, today)
        else:
            expected = (month.pay if what == "pay" else month.refund)(cents, today)
        assert await office.take(dues, step) == expected, step
        assert await office.stored(dues) == (month.due, month.paid, month.status), step
    paid = await office.value("SELECT coalesce(sum(amount_cents), 0) FROM payments WHERE dues_payment_id = :id", dues)
    back = await office.value(
        "SELECT coalesce(sum(amount_cents), 0) FROM refunds WHERE dues_payment_id = :id AND status = 'refunded'", dues
    )
    assert paid - back == month.paid
