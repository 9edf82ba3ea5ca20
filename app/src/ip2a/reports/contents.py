"""What each report tells: its columns, and the rows in the order of a key, so that they can be read in portions.

Every statement is the sum of constants of this file; values are parameters. Row-level security decides whose rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ip2a.reports.models import ReportKind

STANDARD = "reports:standard"
"""What every report needs, beside the permissions of its own."""
FINANCIAL = "reports:financial"
"""What reports about money need, too."""


class Form(StrEnum):
    """How a value is written."""

    TEXT = "text"
    WORD = "word"  # an enum's value, in words
    NUMBER = "number"
    MONEY = "money"  # cents
    DAY = "day"
    MOMENT = "moment"  # on the local's clock
    INSTANT = "instant"  # UTC, to the second
    DATA = "data"  # JSON


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what stands above it, the SQL of its value, and how wide it is in characters."""

    label: str
    value: str
    width: int
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True)
class Content:
    """A report. `permissions` are all needed, `table` what the audit trail says was read; `key` are expressions with
    their types that order the rows and tell them apart.
    """

    title: str
    about: str
    permissions: tuple[str, ...]
    table: str
    columns: tuple[Column, ...]
    source: str
    conditions: tuple[str, ...]
    key: tuple[tuple[str, str], ...]

    @property
    def counting(self) -> str:
        """The statement that says how many rows there are."""
        return f"SELECT count(*) FROM {self.source} WHERE {' AND '.join(self.conditions)}"  # noqa: S608 (constants)

    @property
    def reading(self) -> str:
        """The statement for up to `:limit` rows behind the key `:after_0`, `:after_1`…, or from the first one. The
        key's values follow the columns'.
        """
        values = ", ".join([*(column.value for column in self.columns), *(expression for expression, _ in self.key)])
        order = ", ".join(expression for expression, _ in self.key)
        after = ", ".join(f"cast(:after_{number} AS {of})" for number, (_, of) in enumerate(self.key))
        wanted = " AND ".join((*self.conditions, f"(:first OR ({order}) > ({after}))"))
        return f"SELECT {values} FROM {self.source} WHERE {wanted} ORDER BY {order} LIMIT :limit"  # noqa: S608 (same)


def _optional(expression: str, name: str, of: str) -> str:
    return f"(cast(:{name} AS {of}) IS NULL OR {expression} = :{name})"


_PERIOD = "{0} >= cast(:since AS timestamptz) AND {0} < cast(:until AS timestamptz)"
_MEMBER = (
    Column("Number", "m.member_number", 11),
    Column("Last name", "m.last_name", 16),
    Column("First name", "m.first_name", 14),
)
_BY_NAME = (("m.last_name", "text"), ("m.first_name", "text"), ("m.id", "integer"))

CONTENTS: Mapping[ReportKind, Content] = {
    ReportKind.ROSTER: Content(
        title="Member roster",
        about="Everybody on the books of the local, with contact details.",
        permissions=("members:read",),
        table="members",
        columns=(
            *_MEMBER,
            Column("Status", "m.status", 10, Form.WORD),
            Column("Classification", "m.classification", 14, Form.WORD),
            Column("Address", "m.address", 24),
            Column("City", "m.city", 14),
            Column("State", "m.state", 6),
            Column("ZIP", "m.zip_code", 10),
            Column("Phone", "m.phone", 15),
            Column("E-mail", "m.email", 26),
            Column("Hired", "m.hire_date", 13, Form.DAY),
        ),
        source="members m",
        conditions=(
            "m.deleted_at IS NULL",
            _optional("m.status", "status", "text"),
            _optional("m.classification", "classification", "text"),
        ),
        key=_BY_NAME,
    ),
    ReportKind.OVERDUE_DUES: Content(
        title="Overdue dues",
        about="Who owes for months that are overdue, how much and since when.",
        permissions=("dues:read", FINANCIAL),
        table="dues_payments",
        columns=(
            *_MEMBER,
            Column("Status", "m.status", 10, Form.WORD),
            Column("Classification", "m.classification", 14, Form.WORD),
            Column("Phone", "m.phone", 15),
            Column("E-mail", "m.email", 26),
            Column("Months", "o.months", 8, Form.NUMBER),
            Column("Due since", "o.since", 13, Form.DAY),
            Column("Owed", "o.owed_cents", 12, Form.MONEY),
        ),
        source="""members m JOIN LATERAL (
            SELECT count(*) AS months, min(p.due_date) AS since,
                sum(d.amount_due_cents - d.amount_paid_cents) AS owed_cents
            FROM dues_payments d JOIN dues_periods p ON p.id = d.period_id
            WHERE d.member_id = m.id AND d.status = 'overdue') o ON o.months > 0""",
        conditions=(_optional("m.classification", "classification", "text"),),
        key=_BY_NAME,
    ),
    ReportKind.OUT_OF_WORK: Content(
        title="Out-of-work list",
        about="Who waits on which book, in the order of the book.",
        permissions=("referrals:read",),
        table="book_registrations",
        columns=(
            Column("Book", "b.code", 14),
            Column(
                "Place",
                "CASE r.status WHEN 'registered' THEN (SELECT count(*) + 1 FROM book_registrations q"
                " WHERE q.book_id = r.book_id AND q.status = 'registered' AND q.apn < r.apn) END",
                7,
                Form.NUMBER,
            ),
            Column("APN", "r.apn", 10, Form.NUMBER),
            *_MEMBER,
            Column("Classification", "m.classification", 14, Form.WORD),
            Column("Phone", "m.phone", 15),
            Column("Registered", "r.registered_at", 17, Form.MOMENT),
            Column("Sign again by", "r.re_sign_deadline", 17, Form.MOMENT),
            Column("Check marks", "r.check_marks", 8, Form.NUMBER),
            Column("Exempt", "r.exempt_reason", 12, Form.WORD),
            Column("Exempt until", "r.exempt_until", 13, Form.DAY),
        ),
        source="book_registrations r JOIN referral_books b ON b.id = r.book_id JOIN members m ON m.id = r.member_id",
        conditions=("r.status IN ('registered', 'exempt')", _optional("r.book_id", "book_id", "integer")),
        key=(("b.code", "text"), ("r.apn", "numeric")),
    ),
    ReportKind.DISPATCH_LOG: Content(
        title="Dispatch log",
        about="Every dispatch of a period: who, where, how and how it ended.",
        permissions=("referrals:read",),
        table="dispatches",
        columns=(
            Column("Dispatched", "d.dispatched_at", 17, Form.MOMENT),
            Column("Request", "l.request_number", 18),
            Column("Employer", "e.name", 22),
            Column("Book", "b.code", 15),
            *_MEMBER,
            Column("Method", "d.method", 14, Form.WORD),
            Column("Status", "d.status", 11, Form.WORD),
            Column("Starts", "d.start_date", 13, Form.DAY),
            Column("Checked in", "d.checked_in_at", 17, Form.MOMENT),
            Column("Ended", "d.ended_on", 13, Form.DAY),
            Column("Days", "d.days_worked", 6, Form.NUMBER),
            Column("Why it ended", "d.term_reason", 13, Form.WORD),
        ),
        source="""dispatches d JOIN labor_requests l ON l.id = d.labor_request_id
            JOIN organizations e ON e.id = d.employer_id JOIN referral_books b ON b.id = l.book_id
            JOIN members m ON m.id = d.member_id""",
        conditions=(_PERIOD.format("d.dispatched_at"), _optional("l.book_id", "book_id", "integer")),
        key=(("d.dispatched_at", "timestamptz"), ("d.id", "integer")),
    ),
    ReportKind.TRAINING: Content(
        title="Training",
        about="Students with their courses, attendance and grades.",
        permissions=("students:read",),
        table="students",
        columns=(
            Column("Student", "s.student_number", 13),
            Column("Last name", "s.last_name", 16),
            Column("First name", "s.first_name", 14),
            Column("Standing", "s.status", 11, Form.WORD),
            Column("Course", "c.code", 12),
            Column("Name of the course", "c.name", 26),
            Column("Cohort", "n.cohort", 12),
            Column("Enrollment", "n.status", 12, Form.WORD),
            Column("Meetings", "a.meetings", 9, Form.NUMBER),
            Column("Attended", "a.attended", 9, Form.NUMBER),
            Column("Grade %", "n.final_percent", 9, Form.NUMBER),
            Column("Grade", "n.letter_grade", 6),
        ),
        source="""enrollments n JOIN students s ON s.id = n.student_id JOIN courses c ON c.id = n.course_id
            CROSS JOIN LATERAL (
                SELECT count(*) AS meetings,
                    count(*) FILTER (WHERE t.status IN ('present', 'late', 'left_early')) AS attended
                FROM attendances t JOIN class_sessions k ON k.id = t.class_session_id
                WHERE t.student_id = n.student_id AND k.course_id = n.course_id AND k.cohort = n.cohort) a""",
        conditions=(_optional("n.course_id", "course_id", "integer"),),
        key=(("s.last_name", "text"), ("s.first_name", "text"), ("n.id", "integer")),
    ),
    ReportKind.AUDIT: Content(
        title="Audit trail",
        about="Who changed or read what in a period, with values before and after.",
        permissions=("audit:export",),
        table="audit_logs",
        columns=(
            Column("When (UTC)", "a.changed_at", 20, Form.INSTANT),
            Column("User", "a.user_id", 8, Form.NUMBER),
            Column("Account", "u.email", 22),
            Column("Action", "a.action", 13, Form.WORD),
            Column("Table", "a.table_name", 18),
            Column("Record", "a.record_id", 9),
            Column("Member", "a.member_id", 8, Form.NUMBER),
            Column("Before", "a.old_values", 26, Form.DATA),
            Column("After", "a.new_values", 26, Form.DATA),
            Column("Address", "a.address", 15),
            Column("Correlation", "a.correlation_id", 18),
        ),
        source="audit_logs a LEFT JOIN users u ON u.id = a.user_id",
        conditions=(
            _PERIOD.format("a.changed_at"),
            _optional("a.user_id", "user_id", "integer"),
            _optional("a.member_id", "member_id", "integer"),
            _optional("a.table_name", "table", "text"),
        ),
        key=(("a.changed_at", "timestamptz"), ("a.id", "bigint")),
    ),
}
