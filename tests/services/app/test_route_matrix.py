"""Every route × seven roles × own and other's row, against expectations written by hand.

A route without a row here fails, a row without a route too. `ROWS` says who is let in; everybody else must get 403, and
nobody anonymous anything but 401 (pages: the log-in page). A member's own routes answer 404 for another member's row.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from ip2a.application import ROUTERS
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import PASSWORD, People, Person, browser, log_in

ROLES = ("admin", "officer", "staff", "organizer", "instructor", "member", "applicant")
ALL = " ".join(ROLES)
OFFICE = "admin officer staff"
MEMBER_READERS = "admin officer staff organizer"
ORGANIZING = "admin officer organizer"
FILES = "admin officer staff organizer instructor"
TEACHING = "admin officer staff instructor"
A_SESSION = {
    "course_id": 1,
    "cohort": "matrix",
    "session_date": "2026-12-01",
    "start_time": "18:00",
    "end_time": "21:00",
}

# What may come back where one is let in: it depends on the state of the row, not on who asks.
LET_IN = {200, 201, 202, 204, 303, 404, 409, 422}
NOT_SET_UP = {"POST /my/dues/{dues_id}/checkout", "POST /api/v1/my/dues/{dues_id}/checkout"}
"""What needs a payment provider answers 503 where there is none; checkout/test_checkout.py drives it with one."""

ENDING = {"POST /api/v1/auth/password", "POST /api/v1/auth/logout", "POST /logout"}
NOBODYS = 2**31 - 1

UNDER_THE_LIMIT = 40
"""Requests of one person: a member may make 60 a minute."""

# Nobody needs to be logged in for these.
OPEN = {
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "GET /login",
    "POST /login",
    "GET /sw.js",
    "GET /offline",
    "GET /forgot-password",
    "POST /forgot-password",
    "GET /reset-password",
    "POST /reset-password",
    "GET /verify-email",
    "POST /verify-email",
    "POST /api/v1/webhooks/stripe",
    "POST /api/v1/auth/password-reset",
    "POST /api/v1/auth/password-reset/confirm",
    "POST /api/v1/auth/email-verification/confirm",
}

# Who is let in, and what is sent. `{…}` are ids of another member's rows.
ROWS: dict[str, tuple[str, dict[str, object] | None]] = {
    "GET /api/v1/auth/me": (ALL, None),
    "GET /api/v1/auth/sessions": (ALL, None),
    "DELETE /api/v1/auth/sessions/{session_id}": (ALL, None),
    "GET /api/v1/members/{member_id}": (MEMBER_READERS, None),
    "GET /api/v1/members": (MEMBER_READERS, None),
    "POST /api/v1/members": (
        OFFICE,
        {"member_number": "M-1", "first_name": "A", "last_name": "B", "classification": "journeyman"},
    ),
    "PATCH /api/v1/members/{member_id}": (OFFICE, {"city": "Kent", "version": 1}),
    "GET /api/v1/members/{member_id}/employments": (MEMBER_READERS, None),
    "POST /api/v1/members/{member_id}/employments": (OFFICE, {"organization_id": 1, "start_date": "2026-01-01"}),
    "PATCH /api/v1/employments/{employment_id}": (OFFICE, {"job_title": "Matrix", "version": 1}),
    "GET /api/v1/members/{member_id}/notes": (MEMBER_READERS, None),
    "POST /api/v1/members/{member_id}/notes": (MEMBER_READERS, {"body": "matrix"}),
    "PATCH /api/v1/notes/{note_id}": ("admin", {"body": "matrix", "version": 1}),
    "GET /api/v1/organizations": (MEMBER_READERS, None),
    "POST /api/v1/organizations": ("admin officer", {"name": "Matrix", "org_type": "union"}),
    "GET /api/v1/organizations/{organization_id}": (MEMBER_READERS, None),
    "PATCH /api/v1/organizations/{organization_id}": (OFFICE, {"city": "Kent", "version": 1}),
    "GET /api/v1/organizations/{organization_id}/contacts": (MEMBER_READERS, None),
    "POST /api/v1/organizations/{organization_id}/contacts": (OFFICE, {"first_name": "A", "last_name": "B"}),
    "PATCH /api/v1/contacts/{contact_id}": (OFFICE, {"title": "Matrix", "version": 1}),
    "GET /api/v1/grievances": (OFFICE, None),
    "POST /api/v1/grievances": (
        OFFICE,
        {"member_id": 1, "employer_id": 1, "filed_on": "2026-01-01", "violation": "matrix"},
    ),
    "GET /api/v1/grievances/{grievance_id}": (OFFICE, None),
    "PATCH /api/v1/grievances/{grievance_id}": (OFFICE, {"status": "hearing", "version": 1}),
    "GET /api/v1/grievances/{grievance_id}/steps": (OFFICE, None),
    "POST /api/v1/grievances/{grievance_id}/steps": (
        OFFICE,
        {"step_number": 1, "met_on": "2026-01-02", "outcome": "denied"},
    ),
    "GET /api/v1/benevolence": (OFFICE, None),
    "POST /api/v1/benevolence": (
        OFFICE,
        {
            "member_id": 1,
            "applied_on": "2026-01-01",
            "reason": "medical",
            "description": "matrix",
            "amount_requested_cents": 1,
        },
    ),
    "GET /api/v1/benevolence/{benevolence_id}": (OFFICE, None),
    "PATCH /api/v1/benevolence/{benevolence_id}": ("admin officer", {"status": "under_review", "version": 1}),
    "GET /api/v1/benevolence/{benevolence_id}/reviews": (OFFICE, None),
    "POST /api/v1/benevolence/{benevolence_id}/reviews": (
        "admin officer",
        {"level": "vp", "decision": "deferred", "reviewed_on": "2026-01-02"},
    ),
    "GET /api/v1/organizing/activities": (ORGANIZING, None),
    "POST /api/v1/organizing/activities": (
        ORGANIZING,
        {"member_id": 1, "organization_id": 1, "activity_type": "outreach", "happened_on": "2026-01-01"},
    ),
    "GET /api/v1/organizing/activities/{activity_id}": (ORGANIZING, None),
    "PATCH /api/v1/organizing/activities/{activity_id}": (ORGANIZING, {"location": "Kent", "version": 1}),
    "GET /api/v1/grants": (OFFICE, None),
    "POST /api/v1/grants": (
        "admin officer",
        {"grant_number": "M-1", "name": "Matrix", "total_cents": 1, "starts_on": "2026-01-01"},
    ),
    "GET /api/v1/grants/{grant_id}": (OFFICE, None),
    "PATCH /api/v1/grants/{grant_id}": ("admin officer", {"name": "Matrix", "version": 1}),
    "GET /api/v1/grants/{grant_id}/expenses": (OFFICE, None),
    "POST /api/v1/grants/{grant_id}/expenses": (
        "admin officer",
        {"description": "matrix", "category": "tools", "amount_cents": 1, "spent_on": "2026-01-02"},
    ),
    "POST /api/v1/auth/email-verification": (ALL, None),
    "GET /api/v1/users": ("admin", None),
    "POST /api/v1/users": (
        "admin",
        {"email": "matrix@test.example", "first_name": "M", "last_name": "X", "roles": [{"role": "member"}]},
    ),
    "GET /api/v1/users/{user_id}": ("admin", None),
    "PATCH /api/v1/users/{user_id}": ("admin", {"first_name": "N"}),
    "PUT /api/v1/users/{user_id}/roles": ("admin", {"roles": [{"role": "member"}]}),
    "POST /api/v1/users/{user_id}/lock": ("admin", None),
    "POST /api/v1/users/{user_id}/unlock": ("admin", None),
    "POST /api/v1/users/{user_id}/force-reset": ("admin", None),
    "GET /api/v1/users/{user_id}/sessions": ("admin", None),
    "DELETE /api/v1/users/{user_id}/sessions": ("admin", None),
    "GET /api/v1/payments/unapplied": (OFFICE, None),
    "GET /api/v1/api-keys": ("admin", None),
    "POST /api/v1/api-keys": ("admin", {"name": "Matrix", "user_id": 1, "scopes": ["members:read"]}),
    "DELETE /api/v1/api-keys/{key_id}": ("admin", None),
    "GET /api/v1/dues/rates": (ALL, None),
    "POST /api/v1/dues/{dues_id}/payments": (OFFICE, {"amount_cents": 100, "method": "cash"}),
    "POST /api/v1/dues/rates": (
        "admin officer",
        {"classification": "honorary", "monthly_amount_cents": 0, "effective_date": "2090-01-01"},
    ),
    "GET /api/v1/dues/periods": (OFFICE, None),
    "POST /api/v1/dues/periods": (OFFICE, {"year": 2050, "month": 1}),
    "POST /api/v1/dues/periods/{period_id}/close": (OFFICE, None),
    "GET /api/v1/dues/periods/{period_id}/payments": (OFFICE, None),
    "POST /api/v1/dues/mark-overdue": (OFFICE, None),
    "GET /api/v1/dues/adjustments": (OFFICE, None),
    "POST /api/v1/dues/adjustments": (
        OFFICE,
        {"dues_payment_id": 1, "adjustment_type": "credit", "amount_cents": -1, "reason": "matrix"},
    ),
    "POST /api/v1/dues/adjustments/{adjustment_id}/approve": ("admin officer", None),
    "POST /api/v1/dues/adjustments/{adjustment_id}/deny": ("admin officer", None),
    "GET /api/v1/referrals/books": (ALL, None),
    "GET /api/v1/referrals/books/{book_id}/queue": (OFFICE, None),
    "POST /api/v1/referrals/books/{book_id}/registrations": (OFFICE, {"member_id": 1}),
    "GET /api/v1/referrals/registrations/{registration_id}/history": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/re-sign": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/resign": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/roll-off": (OFFICE, {"reason": "manual"}),
    "POST /api/v1/referrals/registrations/{registration_id}/check-mark": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/exemption": (OFFICE, {"reason": "medical"}),
    "DELETE /api/v1/referrals/registrations/{registration_id}/exemption": (OFFICE, None),
    "GET /api/v1/referrals/morning": (OFFICE, None),
    "GET /api/v1/referrals/requests": (OFFICE, None),
    "POST /api/v1/referrals/requests": (
        OFFICE,
        {"employer_id": 1, "book_id": 1, "workers_requested": 1, "start_date": "2050-01-03"},
    ),
    "GET /api/v1/referrals/requests/{request_id}": (OFFICE, None),
    "POST /api/v1/referrals/requests/{request_id}/cancel": (OFFICE, None),
    "POST /api/v1/referrals/requests/{request_id}/check-marks": (OFFICE, None),
    "GET /api/v1/referrals/requests/{request_id}/bids": (OFFICE, None),
    "GET /api/v1/referrals/dispatches": (OFFICE, None),
    "POST /api/v1/referrals/requests/{request_id}/dispatch-next": (OFFICE, None),
    "POST /api/v1/referrals/requests/{request_id}/process-bids": (OFFICE, None),
    "POST /api/v1/referrals/requests/{request_id}/dispatch-by-name": (
        OFFICE,
        {"member_id": 1, "anti_collusion_attested": True},
    ),
    "POST /api/v1/referrals/dispatches/{dispatch_id}/check-in": (OFFICE, None),
    "POST /api/v1/referrals/dispatches/{dispatch_id}/terminate": (
        OFFICE,
        {"reason": "rif", "ended_on": "2050-01-03", "days_worked": 1},
    ),
    "GET /api/v1/audit": ("admin officer staff organizer instructor", None),
    "GET /api/v1/training/students": (TEACHING, None),
    "POST /api/v1/training/students": (TEACHING, {"first_name": "A", "last_name": "B"}),
    "GET /api/v1/training/students/{student_id}": (TEACHING, None),
    "POST /api/v1/training/students/{student_id}/certifications": (
        TEACHING,
        {"certification_type": "cpr", "issued_on": "2026-01-01"},
    ),
    "GET /api/v1/training/courses": (TEACHING, None),
    "POST /api/v1/training/courses": (TEACHING, {"code": "M-1", "name": "M", "course_type": "core", "hours": 1}),
    "GET /api/v1/training/sessions": (TEACHING, None),
    "POST /api/v1/training/sessions": (TEACHING, dict(A_SESSION)),
    "GET /api/v1/training/sessions/{session_id}/roster": (TEACHING, None),
    "PUT /api/v1/training/sessions/{session_id}/attendance": (
        TEACHING,
        {"marks": [{"student_id": 2**31 - 1, "status": "present"}]},
    ),
    "POST /api/v1/training/enrollments": (TEACHING, {"student_id": 1, "course_id": 1, "cohort": "matrix"}),
    "POST /api/v1/training/enrollments/{enrollment_id}/grades": (
        TEACHING,
        {"grade_type": "quiz", "name": "Q", "points_earned": 1, "points_possible": 2},
    ),
    "POST /api/v1/training/enrollments/{enrollment_id}/finish": (TEACHING, None),
    "GET /api/v1/applications": (TEACHING, None),
    "POST /api/v1/applications/{application_id}/steps": (TEACHING, {"status": "under_review"}),
    "GET /api/v1/my/certifications": ("admin member applicant", None),
    "POST /api/v1/my/application": ("admin applicant", {"phone": "206 555 0100"}),
    "GET /api/v1/my/application": ("admin applicant", None),
    "PUT /api/v1/my/application": ("admin applicant", {"phone": "206 555 0101"}),
    "POST /api/v1/my/application/submit": ("admin applicant", None),
    "POST /api/v1/my/application/withdraw": ("admin applicant", None),
    "GET /api/v1/my/documents": ("admin member applicant", None),
    "POST /api/v1/my/documents": ("admin member applicant", {"title": "Card"}),
    "POST /api/v1/my/documents/{document_id}/confirm": ("admin member applicant", None),
    "GET /api/v1/my/documents/{document_id}/file": ("admin member applicant", None),
    "DELETE /api/v1/my/documents/{document_id}": ("admin member applicant", None),
    "GET /api/v1/documents": (FILES, None),
    "POST /api/v1/documents": (FILES, {"title": "Card", "member_id": 1}),
    "POST /api/v1/documents/{document_id}/confirm": (FILES, None),
    "GET /api/v1/documents/{document_id}/file": (FILES, None),
    "DELETE /api/v1/documents/{document_id}": (OFFICE, None),
    "GET /": (ALL, None),
    "GET /account": (ALL, None),
    "GET /account/password": (ALL, None),
    "POST /account/password": (ALL, None),
    "POST /account/sessions/{session_id}/end": (ALL, None),
    "GET /my/payments": ("member", None),
    "GET /my/payments/{payment_id}": ("member", None),
    "POST /my/dues/{dues_id}/checkout": ("member", None),
    # A member's own data: nobody else has any here.
    "GET /api/v1/my/profile": ("member", None),
    "PATCH /api/v1/my/profile": ("member", {"city": "Kent"}),
    "GET /api/v1/my/dues": ("member", None),
    "POST /api/v1/my/dues/{dues_id}/payments": ("member", {"amount_cents": 100}),
    "POST /api/v1/my/dues/{dues_id}/checkout": ("member", None),
    "GET /api/v1/my/employments": ("member", None),
    "GET /api/v1/my/grievances": ("member", None),
    "GET /api/v1/my/registrations": ("member", None),
    "POST /api/v1/my/registrations": ("member", {"book_id": 1}),
    "POST /api/v1/my/registrations/{registration_id}/re-sign": ("member", None),
    "POST /api/v1/my/registrations/{registration_id}/resign": ("member", None),
    "GET /api/v1/my/open-jobs": ("member", None),
    "GET /api/v1/my/bids": ("member", None),
    "POST /api/v1/my/bids": ("member", {"labor_request_id": 1}),
    "POST /api/v1/my/bids/{bid_id}/withdraw": ("member", None),
    "GET /api/v1/my/dispatches": ("member", None),
    "POST /api/v1/my/dispatches/{dispatch_id}/reject": ("member", {}),
    "GET /my/profile": ("member", None),
    "POST /my/profile": ("member", None),
    "GET /office/members": (MEMBER_READERS, None),
    "GET /office/members/{member_id}": (MEMBER_READERS, None),
    "POST /office/members/{member_id}": (OFFICE, None),
    "POST /office/members/{member_id}/notes": (MEMBER_READERS, None),
    "GET /my/referrals": ("member", None),
    "POST /my/referrals/registrations": ("member", None),
    "POST /my/referrals/registrations/{registration_id}/re-sign": ("member", None),
    "POST /my/referrals/jobs/{request_id}/bid": ("member", None),
    "POST /my/referrals/bids/{bid_id}/withdraw": ("member", None),
    "GET /office/dispatch": (OFFICE, None),
    "POST /office/dispatch/{request_id}/next": (OFFICE, None),
    "POST /office/dispatch/{request_id}/bids": (OFFICE, None),
    "POST /office/dispatch/{request_id}/check-marks": (OFFICE, None),
    "POST /office/dispatch/dispatches/{dispatch_id}/check-in": (OFFICE, None),
    "GET /office/adjustments": (OFFICE, None),
    "POST /office/adjustments/{adjustment_id}/approve": ("admin officer", None),
    "POST /office/adjustments/{adjustment_id}/deny": ("admin officer", None),
    "GET /school/classes": (TEACHING, None),
    "GET /school/classes/{session_id}": (TEACHING, None),
    "POST /school/classes/{session_id}": (TEACHING, None),
    "GET /my/application": ("admin applicant", None),
    "POST /my/application": ("admin applicant", None),
    "POST /my/application/submit": ("admin applicant", None),
    "GET /my/dues": ("member", None),
    "POST /my/dues/{dues_id}/pay": ("member", None),
    # These end the session, so they come last.
    "POST /api/v1/auth/password": (
        ALL,
        {"current_password": PASSWORD, "new_password": "ladder crane voltage 9"},
    ),
    "POST /api/v1/auth/logout": (ALL, None),
    "POST /logout": (ALL, None),
}


def routes() -> list[str]:
    """Every method and path of the platform."""
    return [
        f"{method} {route.path}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert sorted(routes()) == sorted([*ROWS, *OPEN])


@dataclass(frozen=True)
class World:
    """One of everything of `other`, and the same of `own`: ids by path parameter."""

    other: dict[str, int]
    own: dict[str, int]


ONE_OF_EVERYTHING = """
    WITH employer AS (INSERT INTO organizations (name, org_type) VALUES (:code, 'employer') RETURNING id),
    book AS (
        INSERT INTO referral_books (code, name, classification, book_number, region, referral_start_time, last_apn)
        VALUES (:code, 'Wire', 'inside_wireperson', 1, 'seattle', '08:30', 5) RETURNING id),
    place AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline)
        SELECT :member, id, 1, now(), now() + interval '30 days' FROM book RETURNING id),
    sent AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline, status)
        SELECT :member, id, 2, now(), now() + interval '30 days', 'dispatched' FROM book RETURNING id),
    request AS (
        INSERT INTO labor_requests (request_number, employer_id, book_id, requested_at, referral_day,
            workers_requested, start_date, start_time)
        SELECT :code, employer.id, book.id, now(), current_date, 5, current_date + 3, '07:00' FROM employer, book
        RETURNING id, employer_id),
    bid AS (
        INSERT INTO job_bids (labor_request_id, member_id, registration_id, submitted_at)
        SELECT request.id, :member, place.id, now() FROM request, place RETURNING id),
    paid AS (
        INSERT INTO payments (dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id)
        VALUES (:dues, :member, 1, 'cash', :code, :user) RETURNING id),
    adjustment AS (
        INSERT INTO dues_adjustments (dues_payment_id, member_id, adjustment_type, amount_cents, reason,
            requested_by_id, request_key)
        VALUES (:dues, :member, 'credit', -1, 'matrix', :user, :code) RETURNING id)
    SELECT request.id AS request_id, request.employer_id, book.id AS book_id, place.id AS registration_id,
        sent.id AS sent, bid.id AS bid_id, adjustment.id AS adjustment_id, paid.id AS payment_id,
        (SELECT period_id FROM dues_payments WHERE id = :dues) AS period_id
    FROM request, book, place, sent, bid, adjustment, paid
"""


TRAINING = """
    WITH course AS (
        INSERT INTO courses (code, name, course_type, hours) VALUES (:name, 'Matrix', 'core', 1) RETURNING id),
    student AS (
        INSERT INTO students (student_number, member_id, first_name, last_name, status)
        VALUES (:name, :member, 'A', 'B', 'enrolled') RETURNING id),
    enrollment AS (
        INSERT INTO enrollments (student_id, course_id, cohort) SELECT student.id, course.id, 'x' FROM student, course
        RETURNING id),
    meeting AS (
        INSERT INTO class_sessions (course_id, cohort, session_date, start_time, end_time)
        SELECT id, 'x', current_date, '18:00', '21:00' FROM course RETURNING id),
    application AS (
        INSERT INTO applications (user_id, first_name, last_name, status, submitted_at)
        VALUES (:user, 'A', 'B', 'submitted', now()) RETURNING id),
    document AS (
        INSERT INTO documents (uploaded_by_id, member_id, title, category, object_key)
        VALUES (:user, :member, 'Card', 'general', 'uploads/' || :name) RETURNING id)
    SELECT document.id AS document_id, student.id AS student_id,
        enrollment.id AS enrollment_id, meeting.id AS session_id,
        application.id AS application_id
    FROM student, enrollment, meeting, application, document
"""


RECORDS = """
    WITH employment AS (
        INSERT INTO member_employments (member_id, organization_id, start_date)
        VALUES (:member, :employer, current_date) RETURNING id),
    note AS (
        INSERT INTO member_notes (member_id, author_id, body, visibility)
        VALUES (:member, :user, 'matrix', 'all_authorized') RETURNING id),
    contact AS (
        INSERT INTO organization_contacts (organization_id, first_name, last_name) VALUES (:employer, 'A', 'B')
        RETURNING id),
    grievance AS (
        INSERT INTO grievances (grievance_number, member_id, employer_id, filed_on, violation)
        VALUES (:code, :member, :employer, current_date, 'matrix') RETURNING id),
    benevolence AS (
        INSERT INTO benevolence_applications (member_id, applied_on, reason, description, amount_requested_cents)
        VALUES (:member, current_date, 'medical', 'matrix', 1) RETURNING id),
    activity AS (
        INSERT INTO salting_activities (member_id, organization_id, activity_type, happened_on)
        VALUES (:member, :employer, 'outreach', current_date) RETURNING id),
    fund AS (
        INSERT INTO grants (grant_number, name, total_cents, starts_on) VALUES (:code, 'Matrix', 1, current_date)
        RETURNING id)
    SELECT employment.id AS employment_id, note.id AS note_id, contact.id AS contact_id, grievance.id AS grievance_id,
        benevolence.id AS benevolence_id, activity.id AS activity_id, fund.id AS grant_id
    FROM employment, note, contact, grievance, benevolence, activity, fund
"""


async def one_of_everything(runtime: Runtime, person: Person) -> dict[str, int]:
    values = {
        "code": secrets.token_hex(8),
        "member": person.member_id,
        "user": person.user_id,
        "dues": person.dues_ids[0],
    }
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        made = dict((await connection.execute(text(ONE_OF_EVERYTHING), values)).mappings().one())
        dispatch = await connection.execute(
            text(
                "INSERT INTO dispatches (labor_request_id, member_id, registration_id, employer_id, method,"
                " dispatched_at, dispatched_by_id, start_date, check_in_deadline)"
                " VALUES (:request_id, :member, :sent, :employer_id, 'by_name', now(), :user, current_date, now())"
                " RETURNING id"
            ),
            {**made, "member": person.member_id, "user": person.user_id},
        )
        made["dispatch_id"] = dispatch.scalar_one()
        made |= (await connection.execute(text(TRAINING), {**values, "name": values["code"]})).mappings().one()
        employer = {**values, "employer": made["employer_id"]}
        made |= (await connection.execute(text(RECORDS), employer)).mappings().one()
    made["organization_id"] = made["employer_id"]
    return {
        **made,
        "member_id": person.member_id or 0,
        "user_id": person.user_id,
        "key_id": NOBODYS,
        "dues_id": person.dues_ids[0],
    }


@pytest.fixture
async def world(runtime: Runtime, people: People) -> tuple[World, Person]:
    other, own = await people.make(), await people.make()
    return World(await one_of_everything(runtime, other), await one_of_everything(runtime, own)), own


async def ask(client: httpx.AsyncClient, row: str, ids: dict[str, int]) -> httpx.Response:
    method, _, path = row.partition(" ")
    path = path.replace("auth/sessions/{session_id}", "auth/sessions/00000000-0000-4000-8000-000000000000")
    path = path.replace("account/sessions/{session_id}", "account/sessions/00000000-0000-4000-8000-000000000000")
    path = path.format(**ids)
    headers = {"Idempotency-Key": f"matrix-{secrets.token_hex(8)}"}
    if not path.startswith("/api/") and method == "POST":
        form = {"amount_cents": "100", "idempotency_key": headers["Idempotency-Key"], "book_id": str(ids["book_id"])}
        form |= {"version": "1", "status": "active", "classification": "journeyman"}
        form |= {"body": "matrix", "visibility": "officers"}
        return await client.post(path, data=form, headers=headers)
    return await client.request(method, path, json=ROWS[row][1], headers=headers)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_gets_in_where_it_may_and_nowhere_else(
    runtime: Runtime, people: People, world: tuple[World, Person], role: str
) -> None:
    ids, _ = world
    wrong = []
    async with browser(runtime) as client:
        for number, (row, (allowed, _)) in enumerate(ROWS.items()):
            if number % UNDER_THE_LIMIT == 0 or row in ENDING:
                await log_in(client, await people.make(role))
            answer = await ask(client, row, ids.other)
            let_in = {503} if row in NOT_SET_UP else LET_IN
            expected = let_in if role in allowed.split() else {403}
            if answer.status_code not in expected:
                wrong.append(f"{row}: {answer.status_code} {answer.text[:120]}")
    assert wrong == []


async def test_members_reach_their_own_rows_and_never_another_members(
    runtime: Runtime, world: tuple[World, Person]
) -> None:
    ids, member = world
    own_rows = [
        row for row in ROWS if "/my/" in row and "{" in row and "{request_id}" not in row and row not in NOT_SET_UP
    ]
    assert len(own_rows) == 12
    async with browser(runtime) as client:
        await log_in(client, member)
        for row in own_rows:
            assert (await ask(client, row, ids.other)).status_code == 404, row
        for row in own_rows:
            assert (await ask(client, row, ids.own)).status_code in {200, 201, 204, 303, 409}, row


async def test_nobody_anonymous_gets_anything(runtime: Runtime, world: tuple[World, Person]) -> None:
    ids, _ = world
    for row in ROWS:
        async with browser(runtime) as client:
            answer = await ask(client, row, ids.other)
        page = not row.partition(" ")[2].startswith("/api/")
        if page and row.startswith("GET"):
            assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), row
        else:
            assert answer.status_code == 401, row
