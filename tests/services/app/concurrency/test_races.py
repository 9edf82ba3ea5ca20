"""What must hold when everybody does it at the same moment: 64 clients, two server processes, PgBouncer, PostgreSQL.

Each test looks at the answers and at what is stored. `test_guards` shows that the database would refuse by itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ip2a.runtime import Runtime
from tests.services.app.concurrency.conftest import CLIENTS, Ask, Crowd, token_of
from tests.services.app.conftest import DUE_CENTS, PASSWORD, People, Person
from tests.services.app.processes import Fleet
from tests.services.app.referrals.conftest import EVENING, MORNING, Hall

pytestmark = pytest.mark.usefixtures("repeat")

REFERRALS = "/api/v1/referrals"
LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/me"
PART = 500  # cents


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def bodies(answers: list[httpx.Response], status: int) -> list[dict[str, object]]:
    """The JSON of the answers with this status; dispatches come one in a list."""
    found = [answer.json() for answer in answers if answer.status_code == status]
    return [body[0] if isinstance(body, list) else body for body in found]


async def people_on_book(hall: Hall, count: int) -> tuple[int, list[Person]]:
    book = await hall.book()
    return book, [(await hall.person_waiting(book))[0] for _ in range(count)]


async def test_payments_sum_exactly(crowd: Crowd, runtime: Runtime, people: People, hall: Hall) -> None:
    """The member and the office pay the same month at once: what is accepted is stored, and all that is due."""
    member, clerk = await people.make(), await people.make("staff")
    dues_id = member.dues_ids[0]
    own, office = await token_of(runtime, member), await token_of(runtime, clerk)
    asks = [
        Ask(
            f"/api/v1/my/dues/{dues_id}/payments" if number % 2 else f"/api/v1/dues/{dues_id}/payments",
            own if number % 2 else office,
            {"amount_cents": PART},
            {"Idempotency-Key": f"race-{dues_id}-{number}"},
        )
        for number in range(CLIENTS)
    ]
    answers = await crowd.at_once(asks)
    accepted = DUE_CENTS // PART
    assert statuses(answers) == {201: accepted, 409: CLIENTS - accepted}
    assert len({body["receipt_number"] for body in bodies(answers, 201)}) == accepted
    stored = await hall.rows(
        "SELECT d.amount_paid_cents, d.status, sum(p.amount_cents), count(*) FROM dues_payments d"
        " JOIN payments p ON p.dues_payment_id = d.id WHERE d.id = :id GROUP BY d.id",
        id=dues_id,
    )
    assert stored == [(DUE_CENTS, "paid", DUE_CENTS, accepted)]
    (balance,) = await crowd.at_once([Ask("/api/v1/my/dues", own, method="GET")])
    assert balance.json()["summary"]["paid_cents"] == DUE_CENTS, "nor does the cache say anything else"


async def test_one_key_is_one_payment_and_replays_its_answer(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall
) -> None:
    member = await people.make()
    ask = Ask(
        f"/api/v1/my/dues/{member.dues_ids[0]}/payments",
        await token_of(runtime, member),
        {"amount_cents": PART},
        {"Idempotency-Key": f"one-key-{member.user_id}"},
    )
    answers = await crowd.at_once([ask] * CLIENTS)
    assert statuses(answers) == {201: CLIENTS}
    assert len({answer.content for answer in answers}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == CLIENTS - 1
    stored = await hall.rows("SELECT amount_cents FROM payments WHERE member_id = :id", id=member.member_id)
    assert stored == [(PART,)]


async def test_one_key_is_one_request_for_an_adjustment(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall, repeat: int
) -> None:
    member, clerk = await people.make(), await people.make("staff")
    order = {"dues_payment_id": member.dues_ids[0], "adjustment_type": "credit", "amount_cents": -1, "reason": "race"}
    ask = Ask(
        "/api/v1/dues/adjustments", await token_of(runtime, clerk), order, {"Idempotency-Key": f"adjust-{repeat}-key"}
    )
    answers = await crowd.at_once([ask] * CLIENTS)
    assert statuses(answers) == {201: CLIENTS}
    assert len({answer.content for answer in answers}) == 1
    assert len(await hall.rows("SELECT id FROM dues_adjustments WHERE member_id = :id", id=member.member_id)) == 1


async def test_one_key_is_one_student_whatever_the_process(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall, repeat: int
) -> None:
    """Nothing but the key makes a student one of a kind."""
    teacher = await people.make("instructor")
    name = f"Once-{repeat}-{teacher.user_id}"
    ask = Ask(
        "/api/v1/training/students",
        await token_of(runtime, teacher),
        {"first_name": "Ana", "last_name": name},
        {"Idempotency-Key": f"student-{repeat}-key"},
    )
    answers = await crowd.at_once([ask] * CLIENTS)
    assert statuses(answers) == {201: CLIENTS}
    assert len({answer.content for answer in answers}) == 1
    assert len(await hall.rows("SELECT id FROM students WHERE last_name = :name", name=name)) == 1


async def test_a_refund_is_given_once(crowd: Crowd, runtime: Runtime, people: People, hall: Hall, repeat: int) -> None:
    """Several refunds of all that was paid are approved and denied at once: one is given, at most."""
    member, clerk = await people.make(), await people.make("staff")
    officers = [await token_of(runtime, await people.make("officer")) for _ in range(4)]
    office, dues = await token_of(runtime, clerk), member.dues_ids[0]
    paid = Ask(
        f"/api/v1/dues/{dues}/payments", office, {"amount_cents": PART}, {"Idempotency-Key": f"paid-{repeat}-key"}
    )
    (payment,) = bodies(await crowd.at_once([paid]), 201)
    asked = Ask(f"/api/v1/payments/{payment['payment_id']}/refunds", office, {"amount_cents": PART, "reason": "race"})
    answers = await crowd.at_once([asked] * 8)
    assert statuses(answers) == {201: 1, 409: 7}
    (refund,) = bodies(answers, 201)
    path = f"/api/v1/payments/refunds/{refund['id']}"
    asks = [Ask(f"{path}/{'deny' if n % 2 else 'approve'}", officers[n % 4]) for n in range(CLIENTS)]
    decided = await crowd.at_once(asks)
    assert set(statuses(decided)) <= {200, 409}
    ((left, given, status),) = await hall.rows(
        "SELECT amount_paid_cents, (SELECT coalesce(sum(amount_cents), 0) FROM refunds r WHERE r.dues_payment_id = d.id"
        " AND r.status = 'refunded'), (SELECT status FROM refunds r WHERE r.dues_payment_id = d.id)"
        " FROM dues_payments d WHERE id = :id",
        id=dues,
    )
    assert (left, given) == ((0, PART) if status == "refunded" else (PART, 0))
    assert status in {"refunded", "denied"}


async def test_an_adjustment_is_decided_once(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall, repeat: int
) -> None:
    """Officers approve and deny at once, the member pays meanwhile: one decision, and never more paid than due."""
    member, clerk = await people.make(), await people.make("staff")
    officers = [await token_of(runtime, await people.make("officer")) for _ in range(4)]
    order = {
        "dues_payment_id": member.dues_ids[0],
        "adjustment_type": "credit",
        "amount_cents": -PART,
        "reason": "race",
    }
    key = {"Idempotency-Key": f"decide-{repeat}-key"}
    (asked,) = await crowd.at_once([Ask("/api/v1/dues/adjustments", await token_of(runtime, clerk), order, key)])
    path = f"/api/v1/dues/adjustments/{asked.json()['id']}"
    decisions = [Ask(f"{path}/{'approve' if n % 2 else 'deny'}", officers[n % 4]) for n in range(CLIENTS - 8)]
    own = await token_of(runtime, member)
    payments = [
        Ask(
            f"/api/v1/my/dues/{member.dues_ids[0]}/payments",
            own,
            {"amount_cents": 1000},
            {"Idempotency-Key": f"{n:08}"},
        )
        for n in range(8)
    ]
    answers = await crowd.at_once([*payments, *decisions])
    decided = statuses(answers[8:])
    assert decided[200] <= 1
    assert set(decided) <= {200, 409}
    ((due, paid, sum_paid, status),) = await hall.rows(
        "SELECT amount_due_cents, amount_paid_cents, (SELECT sum(amount_cents) FROM payments p"
        " WHERE p.dues_payment_id = d.id), (SELECT status FROM dues_adjustments WHERE dues_payment_id = d.id)"
        " FROM dues_payments d WHERE id = :id",
        id=member.dues_ids[0],
    )
    assert paid == sum_paid == 1000 * statuses(answers[:8])[201]
    assert due == (DUE_CENTS - PART if status == "approved" else DUE_CENTS)


async def test_a_month_is_generated_once(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall, repeat: int
) -> None:
    await hall.rows(
        "INSERT INTO dues_rates (classification, monthly_amount_cents, effective_date)"
        " VALUES ('journeyman', 7500, '2020-01-01') ON CONFLICT DO NOTHING RETURNING id"
    )
    await hall.waiting(await hall.book(), 20)
    clerks = [await token_of(runtime, await people.make("staff")) for _ in range(4)]
    month = {"year": 2040 + repeat, "month": 7}
    answers = await crowd.at_once([Ask("/api/v1/dues/periods", clerks[n % 4], month) for n in range(CLIENTS)])
    assert set(statuses(answers)) == {200, 201}
    generated = [int(str(answer.json()["generated"])) for answer in answers]
    ((active,),) = await hall.rows("SELECT count(*) FROM members WHERE status = 'active'")
    assert sorted(generated) == [0] * (CLIENTS - 1) + [active]
    stored = await hall.rows(
        "SELECT count(DISTINCT p.id), count(*), count(DISTINCT d.member_id) FROM dues_periods p"
        " JOIN dues_payments d ON d.period_id = p.id WHERE p.period_year = :year AND p.period_month = 7",
        year=month["year"],
    )
    assert stored == [(1, active, active)]


async def test_each_registrant_has_a_number_of_their_own(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall
) -> None:
    """Sixteen members press four times each."""
    book = await hall.book()
    members = [await people.make(months=0) for _ in range(16)]
    tokens = [await token_of(runtime, member) for member in members]
    asks = [Ask("/api/v1/my/registrations", tokens[n % 16], {"book_id": book}) for n in range(CLIENTS)]
    answers = await crowd.at_once(asks)
    assert statuses(answers) == {201: 16, 409: CLIENTS - 16}
    stored = await hall.rows(
        "SELECT apn, member_id FROM book_registrations WHERE book_id = :book ORDER BY apn", book=book
    )
    assert [number for number, _ in stored] == list(range(1, 17)), "without a gap"
    assert {member for _, member in stored} == {member.member_id for member in members}


async def test_one_dispatch_a_worker_and_never_more_than_requested(
    crowd: Crowd, fleet: Fleet, runtime: Runtime, people: People, hall: Hall
) -> None:
    """Two books that share all their members, three requests for more than there are, 64 calls."""
    book, other = await hall.book(), await hall.book()
    members = await hall.waiting(book, 12)
    for member in reversed(members):
        await hall.register(other, member)
    requests = [await hall.request(book, 5), await hall.request(other, 5), await hall.request(other, 5)]
    clerk = await token_of(runtime, await people.make("staff"))
    fleet.set_clock(MORNING)
    asks = [Ask(f"{REFERRALS}/requests/{requests[n % 3]}/dispatch-next", clerk) for n in range(CLIENTS)]
    answers = await crowd.at_once(asks)
    assert set(statuses(answers)) == {201, 409}
    sent = [body["member_id"] for body in bodies(answers, 201)]
    assert sorted(map(str, sent)) == sorted(map(str, members)), "everybody once"
    stored = await hall.rows(
        "SELECT q.workers_dispatched, (SELECT count(*) FROM dispatches WHERE labor_request_id = q.id)"
        " FROM labor_requests q WHERE id = ANY(:ids)",
        ids=requests,
    )
    assert all(counted == real for counted, real in stored)
    assert all(int(str(real)) <= 5 for _, real in stored)


async def test_a_bid_has_one_winner(crowd: Crowd, fleet: Fleet, runtime: Runtime, people: People, hall: Hall) -> None:
    """Bids placed at once, several by each; then a slot given away by 64 calls: by place on the book, and once."""
    book, bidders = await people_on_book(hall, 8)
    request = await hall.request(book, 2)
    tokens = [await token_of(runtime, person) for person in bidders]
    fleet.set_clock(EVENING)
    bids = [Ask("/api/v1/my/bids", tokens[-1 - n % 8], {"labor_request_id": request}) for n in range(CLIENTS)]
    placed = await crowd.at_once(bids)
    assert statuses(placed) == {201: 8, 409: CLIENTS - 8}, "one live bid a member"
    clerk = await token_of(runtime, await people.make("officer"))
    fleet.set_clock(MORNING)
    answers = await crowd.at_once([Ask(f"{REFERRALS}/requests/{request}/process-bids", clerk)] * CLIENTS)
    assert statuses(answers) == {201: 1, 409: CLIENTS - 1}
    (won,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert [item["member_id"] for item in won] == [person.member_id for person in bidders[:2]]
    stored = await hall.rows(
        "SELECT b.status, count(d.id) FROM job_bids b LEFT JOIN dispatches d ON d.bid_id = b.id"
        " WHERE b.labor_request_id = :id GROUP BY b.id, b.status ORDER BY b.status, b.id",
        id=request,
    )
    assert stored == [("accepted", 1)] * 2 + [("rejected", 0)] * 6


async def test_a_refresh_token_has_one_successor_and_late_reuse_ends_the_family(
    crowd: Crowd, fleet: Fleet, people: People, hall: Hall
) -> None:
    person = await people.make()
    (begun,) = await crowd.at_once([Ask(LOGIN, json={"email": person.email, "password": PASSWORD})])
    token = begun.json()["refresh_token"]
    answers = await crowd.at_once([Ask(REFRESH, json={"refresh_token": token})] * CLIENTS)
    assert statuses(answers) == {200: CLIENTS}
    successors = {str(body["refresh_token"]) for body in bodies(answers, 200)}
    assert len(successors) == 1
    (successor,) = successors
    stored = await hall.rows(
        "SELECT used_at IS NULL FROM refresh_tokens WHERE user_id = :id ORDER BY id", id=person.user_id
    )
    assert stored == [(False,), (True,)]
    access = str(answers[0].json()["access_token"])
    assert statuses(await crowd.at_once([Ask(ME, access, method="GET")] * 4)) == {200: 4}
    fleet.set_clock(datetime.now(UTC) + timedelta(minutes=1))
    late = await crowd.at_once([Ask(REFRESH, json={"refresh_token": token})] * 10)
    assert statuses(late) == {401: 10}
    after = [Ask(REFRESH, json={"refresh_token": successor}), Ask(ME, access, method="GET")]
    assert statuses(await crowd.at_once(after)) == {401: 2}, "successors and access tokens end with the family"


async def test_lockout_is_exact_at_five(crowd: Crowd, fleet: Fleet, people: People, hall: Hall) -> None:
    person = await people.make()
    guesses = [Ask(LOGIN, json={"email": person.email, "password": f"guess {n}"}) for n in range(CLIENTS)]
    assert statuses(await crowd.at_once(guesses)) == {401: 5, 423: CLIENTS - 5}
    right = Ask(LOGIN, json={"email": person.email, "password": PASSWORD})
    assert statuses(await crowd.at_once([right, right])) == {423: 2}
    stored = await hall.rows("SELECT failed_login_attempts FROM users WHERE id = :id", id=person.user_id)
    assert stored == [(5,)]
    fleet.set_clock(datetime.now(UTC) + timedelta(minutes=31))
    assert statuses(await crowd.at_once([right])) == {200: 1}


async def test_a_class_has_its_attendance_once(
    crowd: Crowd, runtime: Runtime, people: People, hall: Hall, repeat: int
) -> None:
    """Everybody sends the whole class, half present and half absent: all of one answer, nothing mixed."""
    ((course,),) = await hall.rows(
        "INSERT INTO courses (code, name, course_type, hours) VALUES (:code, 'Race', 'core', 1) RETURNING id",
        code=f"RACE-{repeat:03}",
    )
    students = [
        number
        for ((number,),) in await asyncio.gather(
            *(
                hall.rows(
                    "WITH s AS (INSERT INTO students (student_number, first_name, last_name, status)"
                    " VALUES (:number, 'A', 'B', 'enrolled') RETURNING id)"
                    " INSERT INTO enrollments (student_id, course_id, cohort) SELECT id, :course, 'x' FROM s"
                    " RETURNING student_id",
                    number=f"R{repeat}-{n}-{course}",
                    course=course,
                )
                for n in range(8)
            )
        )
    ]
    ((meeting,),) = await hall.rows(
        "INSERT INTO class_sessions (course_id, cohort, session_date, start_time, end_time)"
        " VALUES (:course, 'x', current_date, '18:00', '21:00') RETURNING id",
        course=course,
    )
    teacher = await token_of(runtime, await people.make("instructor"))

    def marks(status: str, order: int) -> dict[str, object]:
        return {"marks": [{"student_id": student, "status": status} for student in students[::order]]}

    asks = [
        Ask(f"/api/v1/training/sessions/{meeting}/attendance", teacher, body, method="PUT")
        for body in (marks("present", 1), marks("absent", -1)) * (CLIENTS // 2)
    ]
    assert statuses(await crowd.at_once(asks)) == {200: CLIENTS}
    stored = await hall.rows(
        "SELECT status, count(*) FROM attendances WHERE class_session_id = :id GROUP BY 1", id=meeting
    )
    assert [count for _, count in stored] == [8]
