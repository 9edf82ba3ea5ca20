"""Reading employments on behalf of somebody."""

from datetime import date

from ip2a.database.identity import Identity
from ip2a.employments import repository
from ip2a.reads import Query, Read, own_query
from ip2a.web.problems import Problem

PAGE_SIZE = 50
EMPLOYMENTS = Read(
    name="employments",
    path="/api/v1/my/employments",
    permission="self:read",
    statement=repository.PAGE,
    seconds=3600,
    defaults=(None, None, b"%d" % PAGE_SIZE),
)


def employments(identity: Identity, member_id: int, *, after: str | None, limit: int) -> Query:
    """One page of a member's employments, newest first.

    Raises Problem 422 for a cursor that is none of ours.
    """
    day, number = (None, None) if after is None else read_cursor(after)
    return own_query(EMPLOYMENTS, identity, member_id, (day, number, b"%d" % limit))


def read_cursor(text: str) -> tuple[bytes, bytes]:
    """The (start date, id) a cursor stands for."""
    day, _, number = text.partition("_")
    try:
        return date.fromisoformat(day).isoformat().encode(), b"%d" % int(number)
    except ValueError:
        raise Problem(422, "invalid-cursor", "`after` must be the `next` of an earlier page.") from None
