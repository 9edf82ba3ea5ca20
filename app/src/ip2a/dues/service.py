"""Reading dues on behalf of somebody."""

from ip2a.database.identity import Identity
from ip2a.dues import repository
from ip2a.reads import Query, Read, own_query, shared_query

PAGE_SIZE = 24
RATES_SUBJECT = b"dues-rates"
DUES = Read(
    name="dues",
    path="/api/v1/my/dues",
    permission="self:read",
    statement=repository.DUES,
    seconds=3600,
    defaults=(None, None, b"%d" % PAGE_SIZE),
)
RATES = Read(
    name="rates",
    path="/api/v1/dues/rates",
    permission="",
    statement=repository.RATES,
    seconds=3600,
    subject=RATES_SUBJECT,
)


def dues(identity: Identity, member_id: int, *, before: str | None, limit: int) -> Query:
    """A member's totals and one page of months; `before` is YYYY-MM."""
    year, month = (None, None) if before is None else (before[:4].encode(), before[5:].encode())
    return own_query(DUES, identity, member_id, (year, month, b"%d" % limit))


def rates(identity: Identity) -> Query:
    """The rates of every classification."""
    return shared_query(RATES, identity)
