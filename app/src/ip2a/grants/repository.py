"""Grants in the database: how one is shown."""

from sqlalchemy import func, select

from ip2a.grants.models import Grant, GrantExpense

_SPENT = (
    select(func.coalesce(func.sum(GrantExpense.amount_cents), 0))
    .where(GrantExpense.grant_id == Grant.id)
    .scalar_subquery()
)
SHOWN = select(*Grant.__table__.c, _SPENT.label("spent_cents"))
EXPENSES_SHOWN = select(*GrantExpense.__table__.c)
