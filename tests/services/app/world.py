"""One of everything that belongs to a person, and how to be somebody without the work of a log-in.

The proofs that drive every route (`routes.ROWS` of test_route_matrix) stand on it: each row of the table succeeds in a
fresh world, because the ids named in its path and body lead to rows in the state that it needs.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from ip2a.application import create_application
from ip2a.auth import service as auth
from ip2a.database.engines import Databases, create_databases
from ip2a.database.identity import SYSTEM, transaction
from ip2a.readiness import Readiness
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.runtime import Runtime
from ip2a.security.tokens import csrf_token, issue_access_token
from ip2a.web import cookies
from tests.services.app.conftest import People, Person, some_address


def this_evening() -> datetime:
    """18:00 in Seattle on the day that it is there: bids are taken, whenever the tests run."""
    return datetime.combine(datetime.now(LOCAL_TIME).date(), time(18, 0), LOCAL_TIME).astimezone(UTC)


def this_morning() -> datetime:
    """08:00 in Seattle on the day that it is there: no bids are taken any more."""
    return datetime.combine(datetime.now(LOCAL_TIME).date(), time(8, 0), LOCAL_TIME).astimezone(UTC)


TAKES_BIDS = re.compile("/api/v1/referrals/requests/[0-9]+/process-bids|/office/dispatch/[0-9]+/bids")
"""Paths that ask for the bids of the night, which is over."""


ONE_OF_EVERYTHING = """
    WITH rate AS (
        INSERT INTO dues_rates (classification, monthly_amount_cents, effective_date)
        VALUES ('journeyman', 7500, '2020-01-01') ON CONFLICT DO NOTHING),
    period AS (
        INSERT INTO dues_periods (period_year, period_month, due_date, grace_period_end)
        VALUES (2200 + nextval('student_numbers'), 1, '2050-01-01', '2050-01-15') RETURNING id),
    employer AS (INSERT INTO organizations (name, org_type) VALUES (:code, 'employer') RETURNING id),
    book AS (
        INSERT INTO referral_books (code, name, classification, book_number, region, referral_start_time, last_apn)
        VALUES (:code, 'Wire', 'inside_wireperson', 1, 'seattle', '00:00', 5) RETURNING id),
    free_book AS (
        INSERT INTO referral_books (code, name, classification, book_number, region, referral_start_time)
        VALUES (:code || '-2', 'Sound', 'inside_wireperson', 2, 'seattle', '09:30') RETURNING id),
    waiting AS (
        INSERT INTO members (member_number, first_name, last_name, status, classification)
        VALUES ('W' || :code, 'Waiting', 'Else', 'active', 'journeyman') RETURNING id),
    second AS (
        INSERT INTO members (member_number, first_name, last_name, status, classification)
        VALUES ('X' || :code, 'Second', 'Else', 'active', 'journeyman') RETURNING id),
    idle AS (
        INSERT INTO members (member_number, first_name, last_name, status, classification)
        VALUES ('Y' || :code, 'Idle', 'Else', 'active', 'journeyman') RETURNING id),
    removed AS (
        INSERT INTO members (member_number, first_name, last_name, status, classification, deleted_at)
        VALUES ('Z' || :code, 'Removed', 'Else', 'active', 'journeyman', now()) RETURNING id),
    idle_employer AS (INSERT INTO organizations (name, org_type) VALUES (:code || '-2', 'employer') RETURNING id),
    place AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline)
        SELECT :member, id, 1, now() - interval '2 days', now() + interval '30 days' FROM book RETURNING id),
    sent AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline, status)
        SELECT :member, id, 2, now() - interval '2 days', now() + interval '30 days', 'dispatched'
          FROM book RETURNING id),
    exempt AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline, status,
            exempt_reason, exempt_until)
        SELECT second.id, book.id, 3, now() - interval '2 days', now() + interval '30 days', 'exempt',
          'medical', current_date + 90
        FROM book, second RETURNING id),
    waiting_place AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline)
        SELECT waiting.id, book.id, 4, now() - interval '2 days', now() + interval '30 days' FROM book,
          waiting RETURNING id),
    request AS (
        INSERT INTO labor_requests (request_number, employer_id, book_id, requested_at, referral_day,
            workers_requested, start_date, start_time)
        SELECT :code, employer.id, book.id, now(), (now() AT TIME ZONE 'America/Los_Angeles')::date, 5,
          current_date + 3, '07:00' FROM employer, book
        RETURNING id, employer_id),
    named AS (
        INSERT INTO labor_requests (request_number, employer_id, book_id, requested_at, referral_day,
            workers_requested, start_date, start_time, foreperson_member_id)
        SELECT :code || '-N', employer.id, book.id, now(), (now() AT TIME ZONE 'America/Los_Angeles')::date, 1,
          current_date + 3, '07:00', waiting.id
        FROM employer, book, waiting RETURNING id),
    unbid AS (
        INSERT INTO labor_requests (request_number, employer_id, book_id, requested_at, referral_day,
            workers_requested, start_date, start_time)
        SELECT :code || '-U', employer.id, book.id, now(), (now() AT TIME ZONE 'America/Los_Angeles')::date, 5,
          current_date + 3, '07:00'
        FROM employer, book RETURNING id),
    bid AS (
        INSERT INTO job_bids (labor_request_id, member_id, registration_id, submitted_at)
        SELECT request.id, :member, place.id, now() FROM request, place RETURNING id),
    waiting_bid AS (
        INSERT INTO job_bids (labor_request_id, member_id, registration_id, submitted_at)
        SELECT request.id, waiting.id, waiting_place.id, now() FROM request, waiting, waiting_place RETURNING id),
    adjustment AS (
        INSERT INTO dues_adjustments (dues_payment_id, member_id, adjustment_type, amount_cents, reason,
            requested_by_id, request_key)
        VALUES (:dues, :member, 'credit', -1, 'matrix', :user, :code) RETURNING id)
    SELECT request.id AS request_id, named.id AS named_request_id, unbid.id AS unbid_request_id,
        unbid.id AS labor_request_id, request.employer_id, book.id AS book_id, free_book.id AS free_book_id,
        place.id AS registration_id, sent.id AS sent, exempt.id AS exempt_registration_id,
        waiting_place.id AS waiting_registration_id,
        waiting.id AS waiting_member_id, idle.id AS idle_member_id, removed.id AS removed_member_id,
        idle_employer.id AS idle_organization_id,
        bid.id AS bid_id, waiting_bid.id AS waiting_bid_id, adjustment.id AS adjustment_id, period.id AS period_id
    FROM request, named, unbid, book, free_book, place, sent, exempt, waiting, waiting_place, bid,
        waiting_bid, adjustment, period, idle, removed, idle_employer
"""

DISPATCH = """
    INSERT INTO dispatches (labor_request_id, member_id, registration_id, employer_id, method, dispatched_at,
        dispatched_by_id, start_date, check_in_deadline)
    VALUES (:request_id, :member, :sent, :employer_id, 'by_name', now(), :user, current_date, now()) RETURNING id
"""

TRAINING = """
    WITH course AS (
        INSERT INTO courses (code, name, course_type, hours) VALUES (:name, 'Matrix', 'core', 1) RETURNING id),
    free_course AS (
        INSERT INTO courses (code, name, course_type, hours) VALUES (:name || '-2', 'Free', 'core', 1) RETURNING id),
    student AS (
        INSERT INTO students (student_number, member_id, first_name, last_name, status)
        VALUES (:name, :member, 'A', 'B', 'enrolled') RETURNING id),
    free_student AS (
        INSERT INTO students (student_number, first_name, last_name, status)
        VALUES (:name || '-2', 'A', 'B', 'enrolled') RETURNING id),
    enrollment AS (
        INSERT INTO enrollments (student_id, course_id, cohort) SELECT student.id, course.id, 'x' FROM student, course
        RETURNING id),
    grade AS (
        INSERT INTO grades (enrollment_id, grade_type, name, points_earned, points_possible, weight, graded_by_id)
        SELECT id, 'quiz', 'First', 8, 10, 1, :user FROM enrollment RETURNING id),
    certificate AS (
        INSERT INTO certifications (student_id, certification_type, issued_on)
        SELECT id, 'osha_10', '2025-01-01' FROM student RETURNING id),
    meeting AS (
        INSERT INTO class_sessions (course_id, cohort, session_date, start_time, end_time)
        SELECT id, 'x', current_date, '18:00', '21:00' FROM course RETURNING id),
    place AS (
        INSERT INTO locations (code, name, location_type) VALUES (:name, 'Matrix', 'school') RETURNING id),
    cohort AS (
        INSERT INTO cohorts (code, name, starts_on) VALUES (:name, 'Matrix', '2026-01-01') RETURNING id),
    teacher AS (
        INSERT INTO instructors (first_name, last_name, email) VALUES ('A', 'B', :name || '@teacher.example')
        RETURNING id),
    free_teacher AS (
        INSERT INTO instructors (first_name, last_name, email) VALUES ('A', 'B', :name || '@free.example')
        RETURNING id),
    assigned AS (
        INSERT INTO cohort_instructors (cohort_id, instructor_id) SELECT cohort.id, teacher.id FROM cohort, teacher
        RETURNING id),
    worked AS (
        INSERT INTO instructor_hours (instructor_id, worked_on, hours) SELECT id, '2026-01-02', 3 FROM teacher
        RETURNING id),
    lent AS (
        INSERT INTO tool_loans (student_id, tool_name, issued_on) SELECT id, 'Bender', '2026-01-02' FROM student
        RETURNING id),
    application AS (
        INSERT INTO applications (user_id, first_name, last_name, status, submitted_at)
        VALUES (:user, 'A', 'B', 'submitted', now()) RETURNING id),
    document AS (
        INSERT INTO documents (uploaded_by_id, member_id, title, category, object_key)
        VALUES (:user, :member, 'Card', 'general', 'uploads/' || :name) RETURNING id)
    SELECT document.id AS document_id, student.id AS student_id, enrollment.id AS enrollment_id,
        certificate.id AS certification_id, free_student.id AS free_student_id,
        meeting.id AS session_id,
        application.id AS application_id, course.id AS course_id, free_course.id AS free_course_id,
        place.id AS location_id, cohort.id AS cohort_id, teacher.id AS instructor_id,
        free_teacher.id AS free_instructor_id, assigned.id AS assignment_id, worked.id AS hours_id, lent.id AS tool_id
    FROM student, enrollment, meeting, application, course, free_course, grade, document, certificate,
        free_student, place, cohort, teacher, free_teacher, assigned, worked, lent
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
    help_draft AS (
        INSERT INTO benevolence_applications (member_id, applied_on, reason, description, amount_requested_cents,
            status)
        VALUES (:member, current_date, 'medical', 'matrix', 1, 'draft') RETURNING id),
    activity AS (
        INSERT INTO salting_activities (member_id, organization_id, activity_type, happened_on)
        VALUES (:member, :employer, 'outreach', current_date) RETURNING id),
    fund AS (
        INSERT INTO grants (grant_number, name, total_cents, starts_on) VALUES (:code, 'Matrix', 1, current_date)
        RETURNING id),
    taking_part AS (
        INSERT INTO grant_enrollments (grant_id, student_id, enrolled_on)
        SELECT id, :student, '2026-01-02' FROM fund RETURNING id)
    SELECT employment.id AS employment_id, note.id AS note_id, contact.id AS contact_id, grievance.id AS grievance_id,
        benevolence.id AS benevolence_id, help_draft.id AS draft_benevolence_id, activity.id AS activity_id,
        fund.id AS grant_id, taking_part.id AS grant_enrollment_id
    FROM employment, note, contact, grievance, benevolence, help_draft, activity, fund, taking_part
"""

ACCOUNT = """
    WITH key AS (
        INSERT INTO api_keys (user_id, name, hint, key_hash, scopes, created_by_id, expires_at)
        VALUES (:user, 'Matrix', 'abcd', decode(md5(:code), 'hex'), ARRAY['self:read'], :user, now() + interval '1 day')
        RETURNING id),
    ready AS (
        INSERT INTO documents (uploaded_by_id, member_id, title, category, object_key, status, media_type, size_bytes)
        VALUES (:user, :member, 'Ready', 'general', 'documents/' || :code, 'ready', 'text/plain', 1) RETURNING id),
    session AS (
        INSERT INTO refresh_tokens (user_id, session_id, token_hash, expires_at)
        VALUES (:user, :session, decode(md5(:code), 'hex'), now() + interval '1 day'))
    SELECT key.id AS key_id, ready.id AS ready_document_id FROM key, ready
"""

PAYMENT = """
    WITH paid AS (
        UPDATE dues_payments SET amount_paid_cents = amount_paid_cents + 2, status = 'partial' WHERE id = :dues),
    payment AS (
        INSERT INTO payments (dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id)
        VALUES (:dues, :member, 2, 'cash', 'RCP-' || to_char(now(), 'YYYYMM') || '-' || left(:code, 8), :user)
        RETURNING id)
    SELECT id FROM payment
"""
REFUND = """
    INSERT INTO refunds (payment_id, dues_payment_id, member_id, amount_cents, reason, requested_by_id)
    VALUES (:payment_id, :dues, :member, 1, 'matrix', :user) RETURNING id
"""
DRAFT = """
    INSERT INTO applications (user_id, first_name, last_name, status, phone, city, education, experience)
    VALUES (:user, 'A', 'B', 'draft', '206 555 0100', 'Kent', 'High school', 'None')
"""
TEACHER = "INSERT INTO instructors (first_name, last_name, email) VALUES ('A', 'B', :email)"
REPORT = """
    INSERT INTO reports (user_id, kind, format, parameters, resources, position, state, progress, row_count, size_bytes,
        finished_at)
    VALUES (:user, 'roster', 'csv', '{}', '{members}', 0, 'done', 100, 1, 9, now()) RETURNING id
"""
HAND_OVER = """
    WITH newest AS (UPDATE reports SET user_id = :user WHERE id = (SELECT max(id) FROM reports WHERE state = 'done')
        RETURNING id)
    INSERT INTO report_chunks (report_id, number, content) SELECT id, 0, '\\x4e756d6265720d0a31' FROM newest
    ON CONFLICT DO NOTHING
"""
END_JOB = "UPDATE dispatches SET status = 'completed', ended_on = start_date WHERE member_id = :member"


async def one_of_everything(runtime: Runtime, person: Person) -> dict[str, int]:
    """One row of everything for a member: ids by the names that paths and bodies use."""
    values: dict[str, object] = {
        "code": secrets.token_hex(8),
        "member": person.member_id,
        "user": person.user_id,
        "dues": person.dues_ids[0],
    }
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        made = dict((await connection.execute(text(ONE_OF_EVERYTHING), values)).mappings().one())
        made["dispatch_id"] = (await connection.execute(text(DISPATCH), {**made, **values})).scalar_one()
        made |= (await connection.execute(text(TRAINING), {**values, "name": values["code"]})).mappings().one()
        employer = {**values, "employer": made["employer_id"], "student": made["student_id"]}
        made |= (await connection.execute(text(RECORDS), employer)).mappings().one()
        session = session_of({"user_id": person.user_id})
        made |= (await connection.execute(text(ACCOUNT), {**values, "session": session})).mappings().one()
        made["payment_id"] = (await connection.execute(text(PAYMENT), values)).scalar_one()
        made["refund_id"] = (await connection.execute(text(REFUND), {**made, **values})).scalar_one()
        made["report_id"] = (await connection.execute(text(REPORT), values)).scalar_one()
    made["organization_id"] = made["employer_id"]
    dues = person.dues_ids[0]
    return {
        **made,
        "member_id": person.member_id or 0,
        "user_id": person.user_id,
        "dues_id": dues,
        "dues_payment_id": dues,
    }


@dataclass(frozen=True)
class World:
    """A member with one of everything, and its ids."""

    person: Person
    ids: dict[str, int]


async def make_world(runtime: Runtime, people: People) -> World:
    """A fresh one."""
    person = await people.make()
    return World(person, await one_of_everything(runtime, person))


def session_of(ids: Mapping[str, int]) -> UUID:
    """The session that a person of a world has open."""
    return UUID(int=ids["user_id"] % 2**128)  # also of ids that nobody has


async def send_file(runtime: Runtime, world: World) -> None:
    """The file of the world's document that waits for one has arrived: some text."""
    assert runtime.storage is not None
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        key = await connection.execute(
            text("SELECT object_key FROM documents WHERE id = :id"), {"id": world.ids["document_id"]}
        )
    await runtime.storage.put_file(key.scalar_one(), Path(__file__), "text/plain")


async def end_job(runtime: Runtime, person: Person) -> None:
    """The member is free to take another."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text(END_JOB), {"member": person.member_id})


async def give_draft(runtime: Runtime, person: Person) -> None:
    """An application that the person has begun."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text(DRAFT), {"user": person.user_id})


async def give_hours(runtime: Runtime, person: Person) -> None:
    """The person is an instructor, who may note hours."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text(TEACHER), {"email": person.email})


async def give_report(runtime: Runtime, person: Person) -> None:
    """The newest finished report is this person's, and has a file: what only the worker's role may do."""
    async with as_worker(runtime) as databases, transaction(databases.write, SYSTEM) as connection:
        await connection.execute(text(HAND_OVER), {"user": person.user_id})


@asynccontextmanager
async def as_worker(runtime: Runtime) -> AsyncIterator[Databases]:
    """The same databases with the worker's login."""
    password = runtime.settings.db_password.get_secret_value().replace("ip2a_app", "ip2a_worker")
    databases = create_databases(
        runtime.settings.model_copy(update={"db_user": "ip2a_worker", "db_password": SecretStr(password)})
    )
    yield databases
    await databases.close()


class EachAtItsTime:
    """The platform at the runtime's time of day, but in the morning for what TAKES_BIDS."""

    def __init__(self, runtime: Runtime) -> None:
        self._application = create_application(runtime, Readiness())
        self._in_the_morning = create_application(replace(runtime, now=this_morning), Readiness())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        bids = TAKES_BIDS.fullmatch(scope.get("path", ""))
        await (self._in_the_morning if bids else self._application)(scope, receive, send)


class Somebody:
    """A browser of the application that can be anybody; cookies and CSRF token as after a log-in."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(EachAtItsTime(runtime)),
            base_url="http://localhost",
            timeout=30,
        )

    async def become(self, person: Person | None) -> None:
        """From now on requests are this person's; None is nobody."""
        self.http.cookies.clear()
        self.http.headers["X-Forwarded-For"] = some_address()
        self.http.headers.pop("X-CSRF-Token", None)
        if person is None:
            return
        principal = await auth.principal(self._runtime, person.user_id)
        assert principal is not None
        session = str(uuid4())
        token = issue_access_token(
            self._runtime.token_keys,
            user_id=person.user_id,
            member_id=person.member_id,
            roles=principal.roles,
            epoch=principal.token_epoch,
            session_id=session,
            now=datetime.now(UTC) - timedelta(seconds=1),
        )
        self.http.cookies.set(cookies.ACCESS, token)
        self.http.headers["X-CSRF-Token"] = csrf_token(session, self._runtime.cookie_key)
