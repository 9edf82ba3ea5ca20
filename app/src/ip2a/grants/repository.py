"""Grants in the database: how one is shown, with what is spent and who takes part."""

from sqlalchemy import func, select, true

from ip2a.grants.models import EnrollmentStatus, Grant, GrantEnrollment, GrantExpense
from ip2a.training.models import Student

GONE = (EnrollmentStatus.WITHDRAWN, EnrollmentStatus.DROPPED)
_SPENT = (
    select(func.coalesce(func.sum(GrantExpense.amount_cents), 0))
    .where(GrantExpense.grant_id == Grant.id)
    .scalar_subquery()
)
_TAKING_PART = (
    select(
        func.count().label("enrolled"),
        func.count().filter(GrantEnrollment.status == EnrollmentStatus.COMPLETED).label("completed"),
        func.count().filter(GrantEnrollment.status.in_(GONE)).label("gone"),
        func.count().filter(GrantEnrollment.placed_on.is_not(None)).label("placed"),
    )
    .where(GrantEnrollment.grant_id == Grant.id)
    .lateral("taking_part")
)
SHOWN = (
    select(*Grant.__table__.c, _SPENT.label("spent_cents"), *_TAKING_PART.c)
    .select_from(Grant)
    .join(_TAKING_PART, true())
)
EXPENSES_SHOWN = select(*GrantExpense.__table__.c)
ENROLLMENTS_SHOWN = select(
    *GrantEnrollment.__table__.c, Student.first_name, Student.last_name, Student.student_number
).join_from(GrantEnrollment, Student, Student.id == GrantEnrollment.student_id)
