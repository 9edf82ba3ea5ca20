"""Every route × seven roles × own and other's row, against expectations written by hand.

A route without a row here fails, a row without a route too. `ROWS` says who is let in, and that they succeed: the
status is the route's own, or stands in `INSTEAD`. Everybody else must get 403, and nobody anonymous anything but 401
(pages: the log-in page). A member's own routes answer 404 for another member's row, and change nothing of it.
"""

from __future__ import annotations

import secrets
from typing import TypedDict

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from ip2a.application import ROUTERS
from ip2a.database.identity import SYSTEM, transaction
from ip2a.limits.rates import Rate
from ip2a.pages.rendering import KEY_FIELD
from ip2a.runtime import Runtime
from ip2a.security.principal import Principal
from tests.services.app.conftest import PASSWORD, People, Person
from tests.services.app.referrals.conftest import at
from tests.services.app.world import (
    Somebody,
    World,
    end_job,
    give_draft,
    give_hours,
    give_report,
    make_world,
    send_file,
    session_of,
    this_evening,
)

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
    "GET /api/v1/organizations/{organization_id}/employments": (MEMBER_READERS, None),
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
    "GET /api/v1/my/benevolence": ("member", None),
    "POST /api/v1/my/benevolence": (
        "member",
        {"reason": "medical", "description": "matrix", "amount_requested_cents": 1},
    ),
    "PATCH /api/v1/my/benevolence/{benevolence_id}": ("member", {"status": "submitted", "version": 1}),
    "POST /api/v1/my/benevolence/{benevolence_id}/withdraw": ("member", None),
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
    "GET /api/v1/grants/{grant_id}/enrollments": (OFFICE, None),
    "POST /api/v1/grants/{grant_id}/enrollments": ("admin officer", {"student_id": 1, "enrolled_on": "2026-01-02"}),
    "PATCH /api/v1/grant-enrollments/{grant_enrollment_id}": ("admin officer", {"status": "active", "version": 1}),
    "DELETE /api/v1/members/{member_id}": (OFFICE, None),
    "DELETE /api/v1/notes/{note_id}": ("admin", None),
    "DELETE /api/v1/organizations/{organization_id}": ("admin officer", None),
    "DELETE /api/v1/contacts/{contact_id}": (OFFICE, None),
    "DELETE /api/v1/grievances/{grievance_id}": ("admin officer", None),
    "DELETE /api/v1/benevolence/{benevolence_id}": ("admin officer", None),
    "DELETE /api/v1/organizing/activities/{activity_id}": (ORGANIZING, None),
    "DELETE /api/v1/grants/{grant_id}": ("admin officer", None),
    "DELETE /api/v1/training/students/{student_id}": (TEACHING, None),
    "DELETE /api/v1/training/cohorts/{cohort_id}": (OFFICE, None),
    "DELETE /api/v1/training/locations/{location_id}": (OFFICE, None),
    "DELETE /api/v1/training/instructors/{instructor_id}": (OFFICE, None),
    "GET /api/v1/deleted": ("admin", None),
    "POST /api/v1/deleted/restorations": ("admin", {"kind": "members", "record_id": 1}),
    "GET /admin/deleted": ("admin", None),
    "POST /admin/deleted": ("admin", None),
    "POST /office/members/{member_id}/deletion": (OFFICE, None),
    "POST /office/organizations/{record_id}/deletion": ("admin officer", None),
    "POST /office/contacts/{record_id}/deletion": (OFFICE, None),
    "POST /office/grievances/{record_id}/deletion": ("admin officer", None),
    "POST /office/benevolence/{record_id}/deletion": ("admin officer", None),
    "POST /office/organizing/{record_id}/deletion": (ORGANIZING, None),
    "POST /office/grants/{record_id}/deletion": ("admin officer", None),
    "POST /office/notes/{record_id}/deletion": ("admin", None),
    "POST /school/students/{record_id}/deletion": (TEACHING, None),
    "POST /school/cohorts/{record_id}/deletion": (OFFICE, None),
    "POST /school/places/{record_id}/deletion": (OFFICE, None),
    "POST /school/instructors/{record_id}/deletion": (OFFICE, None),
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
    "POST /api/v1/users/{user_id}/reset-mail": ("admin", None),
    "GET /api/v1/users/{user_id}/sessions": ("admin", None),
    "DELETE /api/v1/users/{user_id}/sessions": ("admin", None),
    "DELETE /api/v1/users/{user_id}/sessions/{session_id}": ("admin", None),
    "GET /admin/users": ("admin", None),
    "POST /admin/users": ("admin", None),
    "GET /admin/users/new": ("admin", None),
    "GET /admin/users/{user_id}": ("admin", None),
    "POST /admin/users/{user_id}": ("admin", None),
    "POST /admin/users/{user_id}/roles": ("admin", None),
    "POST /admin/users/{user_id}/lock": ("admin", None),
    "POST /admin/users/{user_id}/unlock": ("admin", None),
    "POST /admin/users/{user_id}/force-reset": ("admin", None),
    "POST /admin/users/{user_id}/reset-mail": ("admin", None),
    "POST /admin/users/{user_id}/sessions/end": ("admin", None),
    "POST /admin/users/{user_id}/sessions/{session_id}/end": ("admin", None),
    "GET /admin/users/{user_id}/api-keys": ("admin", None),
    "GET /admin/api-keys": ("admin", None),
    "POST /admin/api-keys": ("admin", None),
    "POST /admin/api-keys/{key_id}/revoke": ("admin", None),
    "GET /admin/platform": ("admin", None),
    "GET /api/v1/payments/unapplied": (OFFICE, None),
    "GET /api/v1/payments/refunds": (OFFICE, None),
    "POST /api/v1/payments/{payment_id}/refunds": (OFFICE, {"amount_cents": 1, "reason": "matrix"}),
    "POST /api/v1/payments/refunds/{refund_id}/approve": ("admin officer", None),
    "POST /api/v1/payments/refunds/{refund_id}/deny": ("admin officer", None),
    "GET /api/v1/api-keys": ("admin", None),
    "POST /api/v1/api-keys": ("admin", {"name": "Matrix", "user_id": 1, "scopes": ["self:read"]}),
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
    "GET /api/v1/referrals/enforcement": (OFFICE, None),
    "GET /api/v1/referrals/registrations/{registration_id}/history": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/re-sign": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/resign": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/roll-off": (OFFICE, {"reason": "manual"}),
    "POST /api/v1/referrals/registrations/{registration_id}/check-mark": (OFFICE, None),
    "POST /api/v1/referrals/registrations/{registration_id}/exemption": (OFFICE, {"reason": "medical"}),
    "DELETE /api/v1/referrals/registrations/{registration_id}/exemption": (OFFICE, None),
    "GET /api/v1/referrals/morning": (OFFICE, None),
    "POST /api/v1/referrals/morning/check-marks": (OFFICE, None),
    "GET /api/v1/referrals/requests": (OFFICE, None),
    "POST /api/v1/referrals/requests": (
        OFFICE,
        {"employer_id": 1, "book_id": 1, "workers_requested": 1, "start_date": "2050-01-03"},
    ),
    "GET /api/v1/referrals/requests/{request_id}": (OFFICE, None),
    "POST /api/v1/referrals/requests/{request_id}/cancel": (OFFICE, None),
    "PUT /api/v1/referrals/requests/{request_id}/no-check-mark": (OFFICE, {"reason": "specialty"}),
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
    "POST /api/v1/referrals/dispatches/{dispatch_id}/withdraw": (OFFICE, None),
    "POST /api/v1/referrals/dispatches/{dispatch_id}/terminate": (
        OFFICE,
        {"reason": "rif", "ended_on": "2050-01-03", "days_worked": 1},
    ),
    "GET /api/v1/audit": ("admin officer staff organizer instructor", None),
    "GET /office/audit": ("admin officer staff organizer instructor", None),
    "GET /api/v1/training/students": (TEACHING, None),
    "POST /api/v1/training/students": (TEACHING, {"first_name": "A", "last_name": "B"}),
    "GET /api/v1/training/students/{student_id}": (TEACHING, None),
    "PATCH /api/v1/training/students/{student_id}": (TEACHING, {"status": "on_leave", "version": 1}),
    "POST /api/v1/training/students/{student_id}/certifications": (
        TEACHING,
        {"certification_type": "cpr", "issued_on": "2026-01-01"},
    ),
    "GET /api/v1/training/students/{student_id}/enrollments": (TEACHING, None),
    "GET /api/v1/training/certifications": (TEACHING, None),
    "POST /api/v1/training/certifications/{certification_id}/renewal": (TEACHING, {"issued_on": "2026-01-01"}),
    "POST /api/v1/training/certifications/{certification_id}/revocation": (TEACHING, None),
    "GET /api/v1/training/courses": (TEACHING, None),
    "POST /api/v1/training/courses": (TEACHING, {"code": "M-1", "name": "M", "course_type": "core", "hours": 1}),
    "GET /api/v1/training/sessions": (TEACHING, None),
    "POST /api/v1/training/sessions": (TEACHING, dict(A_SESSION)),
    "GET /api/v1/training/sessions/{session_id}/roster": (TEACHING, None),
    "PUT /api/v1/training/sessions/{session_id}/attendance": (
        TEACHING,
        {"marks": [{"student_id": 2**31 - 1, "status": "present"}]},
    ),
    "POST /api/v1/training/sessions/{session_id}/cancellation": (TEACHING, {"reason": "matrix"}),
    "POST /api/v1/training/certifications/{certification_id}/verification": (TEACHING, None),
    "GET /api/v1/training/locations": (TEACHING, None),
    "POST /api/v1/training/locations": (OFFICE, {"code": "M-1", "name": "M", "location_type": "school"}),
    "GET /api/v1/training/locations/{location_id}": (TEACHING, None),
    "PATCH /api/v1/training/locations/{location_id}": (OFFICE, {"capacity": 9, "version": 1}),
    "GET /api/v1/training/cohorts": (TEACHING, None),
    "POST /api/v1/training/cohorts": (OFFICE, {"code": "M-1", "name": "M", "starts_on": "2026-01-01"}),
    "GET /api/v1/training/cohorts/{cohort_id}": (TEACHING, None),
    "PATCH /api/v1/training/cohorts/{cohort_id}": (OFFICE, {"status": "active", "version": 1}),
    "GET /api/v1/training/cohorts/{cohort_id}/instructors": (TEACHING, None),
    "POST /api/v1/training/cohorts/{cohort_id}/instructors": (OFFICE, {"instructor_id": 1}),
    "DELETE /api/v1/training/cohort-instructors/{assignment_id}": (OFFICE, None),
    "GET /api/v1/training/instructors": (OFFICE, None),
    "POST /api/v1/training/instructors": (OFFICE, {"first_name": "A", "last_name": "B", "email": "m@test.example"}),
    "GET /api/v1/training/instructors/{instructor_id}": (OFFICE, None),
    "PATCH /api/v1/training/instructors/{instructor_id}": (OFFICE, {"first_name": "C", "version": 1}),
    "POST /api/v1/training/instructors/{instructor_id}/hours": (OFFICE, {"worked_on": "2026-01-02", "hours": 3}),
    "GET /api/v1/training/hours": (OFFICE, None),
    "PATCH /api/v1/training/hours/{hours_id}": (OFFICE, {"paid_on": "2026-02-01", "version": 1}),
    "GET /api/v1/my/hours": ("admin instructor", None),
    "POST /api/v1/my/hours": ("admin instructor", {"worked_on": "2026-01-02", "hours": 3}),
    "GET /api/v1/training/tools": (TEACHING, None),
    "GET /api/v1/training/students/{student_id}/tools": (TEACHING, None),
    "POST /api/v1/training/students/{student_id}/tools": (
        TEACHING,
        {"tool_name": "Bender", "issued_on": "2026-01-02"},
    ),
    "PATCH /api/v1/training/tools/{tool_id}": (TEACHING, {"quantity": 2, "version": 1}),
    "GET /api/v1/my/tools": ("admin member applicant", None),
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
    "GET /my/documents": ("admin member applicant", None),
    "POST /my/documents": ("admin member applicant", None),
    "GET /my/documents/{document_id}/upload": ("admin member applicant", None),
    "GET /my/documents/{document_id}/arrived": ("admin member applicant", None),
    "POST /my/documents/{document_id}/confirm": ("admin member applicant", None),
    "GET /my/documents/{document_id}/file": ("admin member applicant", None),
    "POST /my/documents/{document_id}/delete": ("admin member applicant", None),
    "GET /office/members/{member_id}/documents": (MEMBER_READERS, None),
    "POST /office/members/{member_id}/documents": (MEMBER_READERS, None),
    "GET /office/documents/{document_id}/upload": (FILES, None),
    "GET /office/documents/{document_id}/arrived": (FILES, None),
    "POST /office/documents/{document_id}/confirm": (FILES, None),
    "GET /office/documents/{document_id}/file": (FILES, None),
    "POST /office/documents/{document_id}/delete": (OFFICE, None),
    "POST /api/v1/reports": (OFFICE, {"kind": "roster", "format": "csv"}),
    "GET /api/v1/reports": (OFFICE, None),
    "GET /api/v1/reports/{report_id}": (OFFICE, None),
    "GET /api/v1/reports/{report_id}/file": (OFFICE, None),
    "DELETE /api/v1/reports/{report_id}": (OFFICE, None),
    "GET /office/reports": (OFFICE, None),
    "POST /office/reports": (OFFICE, None),
    "GET /office/reports/{report_id}": (OFFICE, None),
    "GET /office/reports/{report_id}/file": (OFFICE, None),
    "POST /office/reports/{report_id}/delete": (OFFICE, None),
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
    "GET /office/members/new": (OFFICE, None),
    "POST /office/members": (OFFICE, None),
    "GET /my/certifications": ("admin member applicant", None),
    "GET /my/tools": ("admin member applicant", None),
    "GET /my/grievances": ("member", None),
    "GET /my/dispatches": ("member", None),
    "GET /office/organizations": (MEMBER_READERS, None),
    "GET /office/organizations/new": ("admin officer", None),
    "POST /office/organizations": ("admin officer", None),
    "GET /office/organizations/{record_id}": (MEMBER_READERS, None),
    "GET /office/organizations/{record_id}/edit": (OFFICE, None),
    "POST /office/organizations/{record_id}": (OFFICE, None),
    "POST /office/organizations/{record_id}/contacts": (OFFICE, None),
    "GET /office/contacts/{record_id}/edit": (OFFICE, None),
    "POST /office/contacts/{record_id}": (OFFICE, None),
    "GET /office/grievances": (OFFICE, None),
    "GET /office/grievances/new": (OFFICE, None),
    "POST /office/grievances": (OFFICE, None),
    "GET /office/grievances/{record_id}": (OFFICE, None),
    "GET /office/grievances/{record_id}/edit": (OFFICE, None),
    "POST /office/grievances/{record_id}": (OFFICE, None),
    "POST /office/grievances/{record_id}/steps": (OFFICE, None),
    "GET /my/benevolence": ("member", None),
    "POST /my/benevolence": ("member", None),
    "GET /my/benevolence/{benevolence_id}/edit": ("member", None),
    "POST /my/benevolence/{benevolence_id}": ("member", None),
    "POST /my/benevolence/{benevolence_id}/withdraw": ("member", None),
    "GET /office/benevolence": (OFFICE, None),
    "GET /office/benevolence/new": (OFFICE, None),
    "POST /office/benevolence": (OFFICE, None),
    "GET /office/benevolence/{record_id}": (OFFICE, None),
    "GET /office/benevolence/{record_id}/edit": ("admin officer", None),
    "POST /office/benevolence/{record_id}": ("admin officer", None),
    "POST /office/benevolence/{record_id}/reviews": ("admin officer", None),
    "GET /office/organizing": (ORGANIZING, None),
    "GET /office/organizing/new": (ORGANIZING, None),
    "POST /office/organizing": (ORGANIZING, None),
    "GET /office/organizing/{record_id}": (ORGANIZING, None),
    "GET /office/organizing/{record_id}/edit": (ORGANIZING, None),
    "POST /office/organizing/{record_id}": (ORGANIZING, None),
    "GET /office/grants": (OFFICE, None),
    "GET /office/grants/new": ("admin officer", None),
    "POST /office/grants": ("admin officer", None),
    "GET /office/grants/{record_id}": (OFFICE, None),
    "GET /office/grants/{record_id}/edit": ("admin officer", None),
    "POST /office/grants/{record_id}": ("admin officer", None),
    "POST /office/grants/{record_id}/expenses": ("admin officer", None),
    "POST /office/grants/{record_id}/enrollments": ("admin officer", None),
    "GET /office/grant-enrollments/{record_id}/edit": ("admin officer", None),
    "POST /office/grant-enrollments/{record_id}": ("admin officer", None),
    "GET /office/employments/new": (OFFICE, None),
    "POST /office/employments": (OFFICE, None),
    "GET /office/employments/{record_id}/edit": (OFFICE, None),
    "POST /office/employments/{record_id}": (OFFICE, None),
    "GET /office/notes/{record_id}/edit": ("admin", None),
    "POST /office/notes/{record_id}": ("admin", None),
    "GET /school/classes/new": (TEACHING, None),
    "POST /school/classes": (TEACHING, None),
    "GET /school/students": (TEACHING, None),
    "GET /school/students/new": (TEACHING, None),
    "POST /school/students": (TEACHING, None),
    "GET /school/students/{record_id}": (TEACHING, None),
    "GET /school/students/{record_id}/edit": (TEACHING, None),
    "POST /school/students/{record_id}": (TEACHING, None),
    "POST /school/students/{record_id}/enrollments": (TEACHING, None),
    "POST /school/students/{record_id}/certificates": (TEACHING, None),
    "GET /school/enrollments/{record_id}": (TEACHING, None),
    "POST /school/enrollments/{record_id}/grades": (TEACHING, None),
    "POST /school/enrollments/{record_id}/finish": (TEACHING, None),
    "GET /school/certificates": (TEACHING, None),
    "GET /school/certificates/{record_id}": (TEACHING, None),
    "POST /school/certificates/{record_id}/renewals": (TEACHING, None),
    "POST /school/certificates/{record_id}/revocation": (TEACHING, None),
    "POST /school/certificates/{record_id}/verification": (TEACHING, None),
    "POST /school/classes/{session_id}/cancellation": (TEACHING, None),
    "POST /school/students/{record_id}/tools": (TEACHING, None),
    "GET /school/tools": (TEACHING, None),
    "GET /school/tools/{record_id}/edit": (TEACHING, None),
    "POST /school/tools/{record_id}": (TEACHING, None),
    "GET /school/cohorts": (TEACHING, None),
    "GET /school/cohorts/new": (OFFICE, None),
    "POST /school/cohorts": (OFFICE, None),
    "GET /school/cohorts/{record_id}": (TEACHING, None),
    "GET /school/cohorts/{record_id}/edit": (OFFICE, None),
    "POST /school/cohorts/{record_id}": (OFFICE, None),
    "POST /school/cohorts/{record_id}/instructors": (OFFICE, None),
    "GET /school/assignments/{record_id}": (TEACHING, None),
    "POST /school/assignments/{record_id}/end": (OFFICE, None),
    "GET /school/places": (TEACHING, None),
    "GET /school/places/new": (OFFICE, None),
    "POST /school/places": (OFFICE, None),
    "GET /school/places/{record_id}": (TEACHING, None),
    "GET /school/places/{record_id}/edit": (OFFICE, None),
    "POST /school/places/{record_id}": (OFFICE, None),
    "GET /school/instructors": (OFFICE, None),
    "GET /school/instructors/new": (OFFICE, None),
    "POST /school/instructors": (OFFICE, None),
    "GET /school/instructors/{record_id}": (OFFICE, None),
    "GET /school/instructors/{record_id}/edit": (OFFICE, None),
    "POST /school/instructors/{record_id}": (OFFICE, None),
    "POST /school/instructors/{record_id}/hours": (OFFICE, None),
    "GET /school/paid-hours/{record_id}/edit": (OFFICE, None),
    "POST /school/paid-hours/{record_id}": (OFFICE, None),
    "GET /school/hours": ("admin instructor", None),
    "GET /school/hours/new": ("admin instructor", None),
    "POST /school/hours": ("admin instructor", None),
    "GET /school/applications": (TEACHING, None),
    "GET /school/applications/{record_id}": (TEACHING, None),
    "POST /school/applications/{record_id}/steps": (TEACHING, None),
    "GET /school/courses": (TEACHING, None),
    "GET /school/courses/new": (TEACHING, None),
    "POST /school/courses": (TEACHING, None),
    "GET /my/referrals": ("member", None),
    "POST /my/referrals/registrations": ("member", None),
    "POST /my/referrals/registrations/{registration_id}/re-sign": ("member", None),
    "POST /my/referrals/registrations/{registration_id}/resign": ("member", None),
    "GET /my/referrals/dispatches/{dispatch_id}/turn-down": ("member", None),
    "POST /my/referrals/dispatches/{dispatch_id}/turn-down": ("member", None),
    "POST /my/referrals/jobs/{request_id}/bid": ("member", None),
    "POST /my/referrals/bids/{bid_id}/withdraw": ("member", None),
    "GET /office/dispatch": (OFFICE, None),
    "POST /office/dispatch/{request_id}/next": (OFFICE, None),
    "POST /office/dispatch/{request_id}/bids": (OFFICE, None),
    "POST /office/dispatch/{request_id}/check-marks": (OFFICE, None),
    "POST /office/dispatch/{request_id}/no-check-mark": (OFFICE, None),
    "POST /office/dispatch/check-marks": (OFFICE, None),
    "POST /office/dispatch/dispatches/{dispatch_id}/check-in": (OFFICE, None),
    "GET /office/requests": (OFFICE, None),
    "GET /office/requests/new": (OFFICE, None),
    "POST /office/requests": (OFFICE, None),
    "GET /office/requests/{record_id}": (OFFICE, None),
    "POST /office/requests/{record_id}/cancel": (OFFICE, None),
    "POST /office/requests/{record_id}/by-name": (OFFICE, None),
    "GET /office/jobs": (OFFICE, None),
    "GET /office/jobs/{record_id}": (OFFICE, None),
    "POST /office/jobs/{record_id}/check-in": (OFFICE, None),
    "POST /office/jobs/{record_id}/withdraw": (OFFICE, None),
    "POST /office/jobs/{record_id}/end": (OFFICE, None),
    "GET /office/books": (OFFICE, None),
    "GET /office/books/{record_id}": (OFFICE, None),
    "POST /office/books/{record_id}/registrations": (OFFICE, None),
    "GET /office/places/{record_id}": (OFFICE, None),
    "POST /office/places/{record_id}/re-sign": (OFFICE, None),
    "POST /office/places/{record_id}/exemption-end": (OFFICE, None),
    "POST /office/places/{record_id}/resign": (OFFICE, None),
    "POST /office/places/{record_id}/exemption": (OFFICE, None),
    "POST /office/places/{record_id}/roll-off": (OFFICE, None),
    "GET /office/dues": (OFFICE, None),
    "GET /office/dues/new": (OFFICE, None),
    "POST /office/dues": (OFFICE, None),
    "GET /office/dues/{record_id}": (OFFICE, None),
    "POST /office/dues/{record_id}/close": (OFFICE, None),
    "GET /office/member-dues/{record_id}": (OFFICE, None),
    "POST /office/member-dues/{record_id}/payments": (OFFICE, None),
    "POST /office/member-dues/{record_id}/adjustments": (OFFICE, None),
    "GET /office/payments/{record_id}": (OFFICE, None),
    "POST /office/payments/{record_id}/refunds": (OFFICE, None),
    "GET /office/refunds": (OFFICE, None),
    "GET /office/refunds/{record_id}": (OFFICE, None),
    "POST /office/refunds/{record_id}/approve": ("admin officer", None),
    "POST /office/refunds/{record_id}/deny": ("admin officer", None),
    "GET /office/unapplied": (OFFICE, None),
    "GET /office/adjustments": (OFFICE, None),
    "POST /office/adjustments/{adjustment_id}/approve": ("admin officer", None),
    "POST /office/adjustments/{adjustment_id}/deny": ("admin officer", None),
    "GET /school/classes": (TEACHING, None),
    "GET /school/classes/{session_id}": (TEACHING, None),
    "POST /school/classes/{session_id}": (TEACHING, None),
    "GET /my/application": ("admin applicant", None),
    "POST /my/application": ("admin applicant", None),
    "POST /my/application/submit": ("admin applicant", None),
    "POST /my/application/withdraw": ("admin applicant", None),
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
    return [f"{method} {route.path}" for route in api_routes() for method in sorted(route.methods or ())]


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert sorted(routes()) == sorted([*ROWS, *OPEN])


# Where success is not the status that the route declares.
INSTEAD = {
    # Without a payment provider; checkout/test_checkout.py drives them with one.
    "POST /my/dues/{dues_id}/checkout": {503},
    "POST /api/v1/my/dues/{dues_id}/checkout": {503},
    "DELETE /api/v1/auth/sessions/{session_id}": {404},  # of another person: like one that never was
    "POST /account/sessions/{session_id}/end": {404},
    "POST /admin/api-keys": {201},  # the key is shown, this once
    "GET /my/documents/{document_id}/file": {303},  # on to the file store
    "GET /office/documents/{document_id}/file": {303},
    "POST /school/classes/{session_id}": {422},  # a form without marks
    "GET /": {200, 303},  # members are sent to their dues
}

# Rows of documents whose file has arrived, but was not looked at.
WITH_FILE = {
    "POST /api/v1/my/documents/{document_id}/confirm",
    "POST /api/v1/documents/{document_id}/confirm",
    "POST /my/documents/{document_id}/confirm",
    "POST /office/documents/{document_id}/confirm",
}

# Rows that need another row of the world than the one that is called like their parameter.
READY = {"document_id": "ready_document_id"}
A_DRAFT = {"benevolence_id": "draft_benevolence_id"}
OTHER_IDS = {
    "GET /api/v1/my/documents/{document_id}/file": READY,
    "GET /api/v1/documents/{document_id}/file": READY,
    "GET /my/documents/{document_id}/file": READY,
    "GET /office/documents/{document_id}/file": READY,
    "POST /api/v1/referrals/registrations/{registration_id}/check-mark": {"registration_id": "waiting_registration_id"},
    "PATCH /api/v1/my/benevolence/{benevolence_id}": A_DRAFT,
    "GET /my/benevolence/{benevolence_id}/edit": A_DRAFT,
    "POST /my/benevolence/{benevolence_id}": A_DRAFT,
    "POST /my/referrals/jobs/{request_id}/bid": {"request_id": "unbid_request_id"},
    "DELETE /api/v1/referrals/registrations/{registration_id}/exemption": {"registration_id": "exempt_registration_id"},
    "POST /api/v1/referrals/books/{book_id}/registrations": {"book_id": "free_book_id"},
    "POST /api/v1/referrals/requests/{request_id}/dispatch-by-name": {
        "request_id": "named_request_id",
        "member_id": "waiting_member_id",
    },
    "POST /office/requests/{record_id}/by-name": {"record_id": "named_request_id"},
    "POST /office/books/{record_id}/registrations": {"record_id": "free_book_id"},
    "POST /office/places/{record_id}/exemption-end": {"record_id": "exempt_registration_id"},
    "POST /api/v1/my/registrations": {"book_id": "free_book_id"},
    "POST /my/referrals/registrations": {"book_id": "free_book_id"},
    "POST /api/v1/training/enrollments": {"course_id": "free_course_id"},
    "DELETE /api/v1/members/{member_id}": {"member_id": "idle_member_id"},
    "POST /office/members/{member_id}/deletion": {"member_id": "idle_member_id"},
    "DELETE /api/v1/organizations/{organization_id}": {"organization_id": "idle_organization_id"},
    "POST /office/organizations/{record_id}/deletion": {"record_id": "idle_organization_id"},
    "POST /api/v1/grants/{grant_id}/enrollments": {"student_id": "free_student_id"},
    "POST /api/v1/training/cohorts/{cohort_id}/instructors": {"instructor_id": "free_instructor_id"},
}

# What `record_id` is in a path of pages of plain records, or in a body.
RECORD_IDS = {
    "/deleted": "removed_member_id",
    "/office/organizations/": "organization_id",
    "/office/contacts/": "contact_id",
    "/office/grievances/": "grievance_id",
    "/office/benevolence/": "benevolence_id",
    "/office/organizing/": "activity_id",
    "/office/grants/": "grant_id",
    "/office/grant-enrollments/": "grant_enrollment_id",
    "/office/employments/": "employment_id",
    "/office/notes/": "note_id",
    "/office/requests/": "request_id",
    "/office/jobs/": "dispatch_id",
    "/office/books/": "book_id",
    "/office/places/": "registration_id",
    "/office/dues/": "period_id",
    "/office/member-dues/": "dues_id",
    "/office/payments/": "payment_id",
    "/office/refunds/": "refund_id",
    "/school/applications/": "application_id",
    "/school/students/": "student_id",
    "/school/enrollments/": "enrollment_id",
    "/school/certificates/": "certification_id",
    "/school/tools/": "tool_id",
    "/school/cohorts/": "cohort_id",
    "/school/assignments/": "assignment_id",
    "/school/places/": "location_id",
    "/school/instructors/": "instructor_id",
    "/school/paid-hours/": "hours_id",
}

# What is typed into the forms of pages of plain records; `{…}` are ids of the world, `*` is a code nothing has yet.
FORMS: dict[str, dict[str, str]] = {
    "POST /office/organizations": {"name": "Matrix", "org_type": "union"},
    "POST /office/organizations/{record_id}": {"name": "Matrix", "org_type": "union", "city": "Kent"},
    "POST /office/organizations/{record_id}/contacts": {"first_name": "A", "last_name": "B"},
    "POST /office/contacts/{record_id}": {"first_name": "C", "last_name": "B"},
    "POST /office/grievances": {
        "member_id": "#{member_id}",
        "employer_id": "#{organization_id}",
        "filed_on": "2026-01-01",
        "violation": "matrix",
    },
    "POST /office/grievances/{record_id}": {
        "employer_id": "#{organization_id}",
        "violation": "changed",
        "current_step": "step_1",
        "status": "hearing",
    },
    "POST /office/grievances/{record_id}/steps": {"step_number": "1", "met_on": "2026-01-02", "outcome": "denied"},
    "POST /my/benevolence": {
        "reason": "medical",
        "description": "matrix",
        "amount_requested_cents": "1,250.50",
        "status": "submitted",
    },
    "POST /my/benevolence/{benevolence_id}": {
        "reason": "medical",
        "description": "changed",
        "amount_requested_cents": "0.01",
        "status": "draft",
    },
    "POST /office/dispatch/{request_id}/no-check-mark": {"reason": "specialty"},
    "POST /office/requests": {
        "employer_id": "#{organization_id}",
        "book_id": "#{book_id}",
        "workers_requested": "2",
        "start_date": "2050-01-03",
        "start_time": "07:00",
        "agreement_type": "standard",
    },
    "POST /office/requests/{record_id}/by-name": {"anti_collusion_attested": "True"},
    "POST /office/jobs/{record_id}/end": {"reason": "rif", "ended_on": "2050-01-03", "days_worked": "1"},
    "POST /office/books/{record_id}/registrations": {"member_id": "#{member_id}"},
    "POST /office/places/{record_id}/exemption": {"reason": "medical"},
    "POST /office/places/{record_id}/roll-off": {"reason": "manual"},
    "POST /office/dues": {"year": "2050", "month": "1"},
    "POST /office/member-dues/{record_id}/payments": {"amount_cents": "1.00", "method": "cash"},
    "POST /office/member-dues/{record_id}/adjustments": {
        "adjustment_type": "credit",
        "effect": "lowers",
        "amount_cents": "0.01",
        "reason": "matrix",
    },
    "POST /office/payments/{record_id}/refunds": {"amount_cents": "0.01", "reason": "matrix"},
    "POST /office/members": {
        "member_number": "*",
        "first_name": "A",
        "last_name": "B",
        "classification": "journeyman",
        "status": "active",
    },
    "POST /school/applications/{record_id}/steps": {"status": "under_review"},
    "POST /office/benevolence": {
        "member_id": "#{member_id}",
        "applied_on": "2026-01-01",
        "reason": "medical",
        "description": "matrix",
        "amount_requested_cents": "1,250.50",
    },
    "POST /office/benevolence/{record_id}": {
        "reason": "medical",
        "description": "changed",
        "amount_requested_cents": "0.01",
        "status": "under_review",
    },
    "POST /office/benevolence/{record_id}/reviews": {
        "level": "vp",
        "decision": "deferred",
        "reviewed_on": "2026-01-02",
    },
    "POST /office/organizing": {
        "member_id": "#{member_id}",
        "organization_id": "#{organization_id}",
        "activity_type": "outreach",
        "happened_on": "2026-01-01",
    },
    "POST /office/organizing/{record_id}": {
        "organization_id": "#{organization_id}",
        "activity_type": "meeting",
        "happened_on": "2026-01-01",
        "workers_contacted": "0",
        "cards_signed": "0",
    },
    "POST /office/grants": {"grant_number": "*", "name": "Matrix", "total_cents": "1", "starts_on": "2026-01-01"},
    "POST /office/grants/{record_id}": {
        "name": "Changed",
        "total_cents": "1",
        "starts_on": "2026-01-01",
        "status": "active",
    },
    "POST /office/grants/{record_id}/expenses": {
        "description": "matrix",
        "category": "tools",
        "amount_cents": "1",
        "spent_on": "2026-01-02",
    },
    "POST /office/grants/{record_id}/enrollments": {
        "student_id": "#{free_student_id}",
        "enrolled_on": "2026-01-02",
        "status": "enrolled",
    },
    "POST /office/grant-enrollments/{record_id}": {"enrolled_on": "2026-01-02", "status": "active"},
    "POST /office/employments": {
        "member_id": "#{member_id}",
        "organization_id": "#{organization_id}",
        "start_date": "2026-01-01",
    },
    "POST /office/employments/{record_id}": {"start_date": "2020-01-01", "end_date": "2026-01-01"},
    "POST /office/notes/{record_id}": {"body": "changed", "visibility": "officers", "category": "dues"},
    "POST /school/classes": {
        "course_id": "#{course_id}",
        "cohort": "matrix",
        "session_date": "2026-12-01",
        "start_time": "18:00",
        "end_time": "21:00",
    },
    "POST /school/students": {"first_name": "A", "last_name": "B"},
    "POST /school/students/{record_id}": {"first_name": "C", "last_name": "B", "status": "on_leave"},
    "POST /school/students/{record_id}/enrollments": {"course_id": "#{free_course_id}", "cohort": "matrix"},
    "POST /school/students/{record_id}/certificates": {"certification_type": "cpr", "issued_on": "2026-01-01"},
    "POST /school/enrollments/{record_id}/grades": {
        "grade_type": "quiz",
        "name": "Q",
        "points_earned": "1",
        "points_possible": "2",
        "weight": "1",
    },
    "POST /school/certificates/{record_id}/renewals": {"issued_on": "2026-01-01"},
    "POST /school/classes/{session_id}/cancellation": {"reason": "matrix"},
    "POST /admin/deleted": {"kind": "members", "record_id": "{record_id}"},
    "POST /school/students/{record_id}/tools": {"tool_name": "Bender", "issued_on": "2026-01-02", "quantity": "1"},
    "POST /school/tools/{record_id}": {
        "tool_name": "Bender",
        "quantity": "1",
        "issued_on": "2026-01-02",
        "returned_on": "2026-02-02",
        "return_condition": "worn",
    },
    "POST /school/cohorts": {"code": "*", "name": "M", "starts_on": "2026-01-01", "status": "planned"},
    "POST /school/cohorts/{record_id}": {"name": "N", "starts_on": "2026-01-01", "status": "active"},
    "POST /school/cohorts/{record_id}/instructors": {"instructor_id": "#{free_instructor_id}"},
    "POST /school/places": {"code": "*", "name": "M", "location_type": "school"},
    "POST /school/places/{record_id}": {"name": "N", "location_type": "office"},
    "POST /school/instructors": {"first_name": "A", "last_name": "B", "email": "*@test.example"},
    "POST /school/instructors/{record_id}": {"first_name": "A", "last_name": "C", "email": "*@test.example"},
    "POST /school/instructors/{record_id}/hours": {"worked_on": "2026-01-02", "hours": "3", "prep_hours": "0"},
    "POST /school/paid-hours/{record_id}": {
        "worked_on": "2026-01-02",
        "hours": "3",
        "prep_hours": "0",
        "paid_on": "2026-02-01",
    },
    "POST /school/hours": {"worked_on": "2026-01-02", "hours": "3", "prep_hours": "0"},
    "POST /school/courses": {
        "code": "*",
        "name": "M",
        "course_type": "core",
        "hours": "1",
        "passing_percent": "70",
    },
}

# Rows about the caller's own application, which they have begun.
WITH_DRAFT = {
    "GET /api/v1/my/application",
    "PUT /api/v1/my/application",
    "POST /api/v1/my/application/submit",
    "POST /api/v1/my/application/withdraw",
    "POST /my/application/submit",
    "POST /my/application/withdraw",
}

# Hours are noted by instructors.
WITH_HOURS = {"POST /api/v1/my/hours", "POST /school/hours"}

# Bids are for those who have no job.
WITHOUT_JOB = {"POST /api/v1/my/bids", "POST /my/referrals/jobs/{request_id}/bid"}


# Money is not taken without a key.
NEED_KEY = {
    "POST /my/dues/{dues_id}/pay",
    "POST /api/v1/dues/{dues_id}/payments",
    "POST /api/v1/my/dues/{dues_id}/payments",
    "POST /api/v1/my/dues/{dues_id}/checkout",
    "POST /api/v1/dues/adjustments",
    "POST /office/member-dues/{record_id}/payments",
    "POST /office/member-dues/{record_id}/adjustments",
}


def ids_for(row: str, ids: dict[str, int]) -> dict[str, int]:
    """The ids that this row of the table is asked with."""
    record = next((ids[name] for path, name in RECORD_IDS.items() if path in row), 0)
    return {**ids, "record_id": record, **{name: ids[other] for name, other in OTHER_IDS.get(row, {}).items()}}


def filled(body: object, ids: dict[str, int]) -> object:
    """The body with every id in it replaced by the world's."""
    if isinstance(body, dict):
        return {name: ids[name] if name in ids else filled(value, ids) for name, value in body.items()}
    return [filled(item, ids) for item in body] if isinstance(body, list) else body


class Order(TypedDict):
    """A request, ready to be sent as often as one likes."""

    method: str
    url: str
    headers: dict[str, str]
    json: object
    data: dict[str, str] | None


async def ask(client: httpx.AsyncClient, row: str, ids: dict[str, int], key: str = "") -> httpx.Response:
    """The request of a row of the table, about rows with these ids."""
    return await client.request(**order_of(row, ids, key))


def order_of(row: str, ids: dict[str, int], key: str = "") -> Order:
    """The request of a row of the table; under `key`, or a fresh one where it needs one."""
    ids = ids_for(row, ids)
    method, _, path = row.partition(" ")
    path = path.replace("auth/sessions/{session_id}", "auth/sessions/00000000-0000-4000-8000-000000000000")
    path = path.replace("account/sessions/{session_id}", "account/sessions/00000000-0000-4000-8000-000000000000")
    path = path.replace("users/{user_id}/sessions/{session_id}", f"users/{{user_id}}/sessions/{session_of(ids)}")
    path = path.format(**ids)
    key = key or (f"matrix-{secrets.token_hex(8)}" if row in NEED_KEY else "")
    order: Order = {
        "method": method,
        "url": path,
        "headers": {"Idempotency-Key": key} if key else {},
        "json": None,
        "data": None,
    }
    if not path.startswith("/api/") and method == "POST":
        form = {"amount_cents": "100", "book_id": str(ids["book_id"])}
        form |= {"version": "1", "status": "active", "classification": "journeyman"}
        form |= {"body": "matrix", "visibility": "officers", "title": "Matrix", "name": "Matrix", "role": "member"}
        form |= {"email": f"{secrets.token_hex(6)}@test.example", "first_name": "A", "last_name": "B"}
        form |= {"user_id": str(ids["user_id"]), "scopes": "self:read"}
        form |= {"current_password": PASSWORD, "new_password": "ladder crane voltage 9"}
        form |= {"kind": "roster", "format": "csv"}
        if row in FORMS:
            fresh = f"M-{secrets.token_hex(6)}"
            form = {name: value.format(**ids).replace("*", fresh) for name, value in FORMS[row].items()}
            form["version"] = "1"
        order["data"] = form | ({KEY_FIELD: key} if key else {})
        return order
    body = ROWS[row][1]
    order["json"] = None if body is None else unique(filled(body, ids))
    return order


def unique(body: object) -> object:
    """The body with a code that nothing has yet, where it has one."""
    if isinstance(body, dict):
        fresh = secrets.token_hex(6)
        new = {name: f"M-{fresh}" for name in ("code", "member_number", "grant_number") if name in body}
        if "email" in body:
            new["email"] = f"{fresh}@test.example"
        if "effective_date" in body:
            new["effective_date"] = f"{2090 + int(fresh, 16) % 7000}-01-01"
        return {**body, **new}
    return body


def success(row: str) -> set[int]:
    """The statuses of success."""
    method, _, path = row.partition(" ")
    if row in INSTEAD:
        return INSTEAD[row]
    if method == "POST" and not path.startswith("/api/"):
        return {303}
    declared = {
        f"{method} {route.path}": route.status_code or 200 for route in api_routes() for method in route.methods or ()
    }
    return {declared[row]}


def api_routes() -> list[APIRoute]:
    """Every route of the platform."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


async def prepared(runtime: Runtime, people: People, role: str, row: str) -> Person:
    """Somebody with this role to whom the row of the table applies."""
    person = await people.make(role)
    if row in WITH_DRAFT:
        await give_draft(runtime, person)
    if row in WITH_HOURS:
        await give_hours(runtime, person)
    if "{report_id}" in row:
        await give_report(runtime, person)
    return person


async def a_world_for(runtime: Runtime, people: People, row: str) -> World:
    """A fresh world in which the row of the table succeeds."""
    world = await make_world(runtime, people)
    if row in WITHOUT_JOB:
        await end_job(runtime, world.person)
    if row in WITH_FILE:
        await send_file(runtime, world)
    return world


@pytest.fixture
def evening(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """The process at a time of day when everything may be done; nobody reaches a limit."""
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    return at(runtime, this_evening())


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_gets_in_where_it_may_and_nowhere_else(evening: Runtime, people: People, role: str) -> None:
    """A member is asked about their own rows; everybody else about a member's."""
    somebody, wrong = Somebody(evening), []
    unchanged, reader = await make_world(evening, people), await people.make(role)
    for row, (allowed, _) in ROWS.items():
        may, reads = role in allowed.split(), row.startswith("GET ") and "{report_id}" not in row
        world = unchanged if reads or not may else await a_world_for(evening, people, row)
        if role == "member":
            person = world.person
        elif may and (not reads or row in WITH_DRAFT):
            person = await prepared(evening, people, role, row)
        else:
            person = reader  # what is refused or only reads changes nothing
        await somebody.become(person)
        answer = await ask(somebody.http, row, world.ids)
        expected = success(row) if may else {403}
        if role == "applicant" and "/my/documents/{" in row:
            expected = {404}  # a member's: like one that never was
        if answer.status_code not in expected:
            wrong.append(f"{row}: {answer.status_code}, not {expected} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


async def test_members_never_reach_another_members_rows(evening: Runtime, people: People) -> None:
    rows = [row for row in ROWS if "/my/" in row and "{" in row]
    assert len(rows) >= 9
    somebody = Somebody(evening)
    wrong = []
    for row in rows:
        other, member = await make_world(evening, people), await make_world(evening, people)
        await somebody.become(member.person)
        before = await rows_of(evening, other.person)
        status = (await ask(somebody.http, row, other.ids)).status_code
        if status != OF_ANOTHER.get(row, 404) or await rows_of(evening, other.person) != before:
            wrong.append(f"{row}: {status}")
    assert not wrong, "\n".join(wrong)


# A job on a book that the member does not wait on: it exists, but takes no bid of theirs.
# Card payments are off here, which is said before anything is looked up.
OF_ANOTHER = {
    "POST /my/referrals/jobs/{request_id}/bid": 409,
    "POST /my/dues/{dues_id}/checkout": 503,
    "POST /api/v1/my/dues/{dues_id}/checkout": 503,
}


async def test_nobody_anonymous_gets_anything(evening: Runtime, people: People) -> None:
    world, somebody = await make_world(evening, people), Somebody(evening)
    before = await rows_of(evening, world.person)
    for row in ROWS:
        await somebody.become(None)
        answer = await ask(somebody.http, row, world.ids)
        page = not row.partition(" ")[2].startswith("/api/")
        if page and row.startswith("GET"):
            assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), row
        else:
            assert answer.status_code == 401, row
    assert await rows_of(evening, world.person) == before


@pytest.mark.parametrize("role", ["member", "applicant", "instructor", "organizer"])
async def test_rows_are_closed_even_where_the_permission_check_fails_open(
    evening: Runtime, people: People, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Every permission is granted by a broken check; row-level security alone keeps another member's rows."""
    monkeypatch.setattr(Principal, "may", lambda _principal, _permission: True)
    somebody, reached = Somebody(evening), []
    world = await make_world(evening, people)
    name = world.person.email.partition("@")[0]
    hidden = None if role in NO_MEMBERS else CLOSED
    before, reader, reads = await rows_of(evening, world.person, hidden), await people.make(role), 0
    for number, row in enumerate(ROWS, 1):
        reading = row.startswith("GET ")
        await somebody.become(reader if reading else await people.make(role))
        answer = await ask(somebody.http, row, world.ids)
        if hidden is None and name in answer.text:
            reached.append(f"{row} shows {answer.text[:200]}")
        reads = reads + 1 if reading else 0
        if reads % TOGETHER and number < len(ROWS):
            continue  # nothing that reads changes anything: some are looked at together
        after = await rows_of(evening, world.person, hidden)
        if after != before:
            reached.append(f"{row} changes {set(after.items()) ^ set(before.items())}")
            before = after
    assert not reached, "\n".join(reached)


TOGETHER = 20
NO_MEMBERS = {"member", "applicant"}
"""Roles that see nobody else's rows at all."""
CLOSED = ("dues_payments", "payments", "refunds", "dues_adjustments", "book_registrations", "job_bids", "dispatches")
"""Tables of members that neither instructors nor organizers have anything to do with."""


async def rows_of(runtime: Runtime, person: Person, tables: tuple[str, ...] | None = None) -> dict[str, str]:
    """A digest of a person's rows by table (of all tables that say whose a row is)."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        owned = await connection.execute(
            text(
                "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
                " WHERE table_schema = 'public' AND column_name IN ('member_id', 'user_id')"
                " AND table_name NOT LIKE 'audit%'"
                " AND has_table_privilege(to_regclass('public.' || table_name), 'SELECT') GROUP BY 1 ORDER BY 1"
            )
        )
        chosen = [(table, columns) for table, columns in owned if tables is None or table in tables]
        parts = [
            f"SELECT '{table}', coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t WHERE "  # noqa: S608 (names of the catalogue)
            + " OR ".join(f"t.{column} = :{column}" for column in columns)
            for table, columns in chosen
        ]
        if tables is None:
            parts += [
                f"SELECT '{table}', md5(t::text) FROM {table} t WHERE t.id = :{column}"  # noqa: S608 (our own names)
                for table, column in OWNERS
            ]
        found = await connection.execute(
            text(" UNION ALL ".join(parts)), {"member_id": person.member_id, "user_id": person.user_id}
        )
        return {str(table): str(digest) for table, digest in found}


OWNERS = (("members", "member_id"), ("users", "user_id"))
