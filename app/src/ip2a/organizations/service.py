"""Reading organizations on behalf of somebody."""

from ip2a.database.identity import Identity
from ip2a.organizations import repository
from ip2a.reads import Query, Read, shared_query

PAGE_SIZE = 50
SUBJECT = b"organizations"
ORGANIZATIONS = Read(
    name="organizations",
    path="/api/v1/organizations",
    permission="organizations:read",
    statement=repository.PAGE,
    seconds=600,
    defaults=(None, b"%d" % PAGE_SIZE),
    subject=SUBJECT,
)


def organizations(identity: Identity, *, after: int | None, limit: int) -> Query:
    """One page of organizations by name."""
    start = None if after is None else b"%d" % after
    return shared_query(ORGANIZATIONS, identity, (start, b"%d" % limit))
