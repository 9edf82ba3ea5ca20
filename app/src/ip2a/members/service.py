"""Reading and changing member records on behalf of somebody."""

from ip2a.audit.service import record_read
from ip2a.database.identity import Identity
from ip2a.members import repository, rules
from ip2a.members.models import Member, MemberClassification, MemberStatus
from ip2a.members.schemas import ContactChange, MemberChange, MemberItem, MemberOrder, MemberRecord
from ip2a.reads import Query, Read, own_query
from ip2a.records import service as records
from ip2a.records.search import names_of
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, invalid_cursor, page_of, read_text_id
from ip2a.web.problems import Problem

PROFILE = Read(
    name="profile",
    path="/api/v1/my/profile",
    permission="self:read",
    statement=repository.PROFILE,
    seconds=300,
)


def profile(identity: Identity, member_id: int) -> Query:
    """One member's record."""
    return own_query(PROFILE, identity, member_id)


async def change_contact(runtime: Runtime, caller: Caller, member_id: int, change: ContactChange) -> bytes:
    """Change the fields that were sent; returns the record as ProfileResponse's JSON.

    Raises Problem 404.
    """
    changes = change.model_dump_json(exclude_unset=True).encode()
    written = await runtime.writer.run(caller.identity, (repository.CHANGE_CONTACT, (b"%d" % member_id, changes)))
    if not written.rows:
        raise Problem(404, "no-such-member", "There is no such member.")
    profile, outbox_row = written.rows[0]
    await runtime.writer.invalidate(int(outbox_row or 0), [PROFILE.subject_of(member_id)], written.lsn)
    caller.wrote(written.lsn, PROFILE)
    return profile or b""


MEMBERS = Kind(
    name="member",
    model=Member,
    item=MemberRecord,
    shown=repository.SHOWN,
    refused={"uq_members_member_number": "There is a member with this `member_number`."},
)
_BETWEEN = "\x1f"  # the names in a cursor


async def members(
    runtime: Runtime,
    caller: Caller,
    *,
    search: str,
    status: MemberStatus | None,
    classification: MemberClassification | None,
    after: str | None,
    limit: int,
) -> Page[MemberItem]:
    """Members by name; each word of `search` begins a name or the number. The reading is recorded."""
    await record_read(runtime, caller, MEMBERS.table)
    words = names_of(search)
    position = None if after is None else _read_cursor(after)
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(connection, words, status, classification, after=position, limit=limit + 1)
    return page_of(MemberItem, rows, limit, _cursor)


async def new_member(runtime: Runtime, caller: Caller, order: MemberOrder) -> MemberRecord:
    """Take somebody in.

    Raises Problem 409 when the number is taken.
    """
    return await records.add(runtime, caller, MEMBERS, order.model_dump())


async def change(runtime: Runtime, caller: Caller, member_id: int, change: MemberChange) -> MemberRecord:
    """Change a member's record.

    Raises Problem 404, 409 (changed meanwhile; the standing does not allow it), 422.
    """
    if change.status is not None:
        async with caller.transaction(runtime.databases) as connection:
            current = await repository.lock_status(connection, member_id)
        if current is not None and not rules.may_become(current, change.status):
            raise Problem(409, "status", f"`status` cannot change from {current.value} to {change.status.value}.")
    values = change.model_dump(exclude_unset=True)
    return await records.change(runtime, caller, MEMBERS, member_id, values, PROFILE.subject_of(member_id))


def _cursor(item: MemberItem) -> str:
    return encode(f"{item.last_name}{_BETWEEN}{item.first_name}", item.id)


def _read_cursor(cursor: str) -> tuple[str, str, int]:
    names, identifier = read_text_id(cursor)
    last, separator, first = names.partition(_BETWEEN)
    if not separator:
        raise invalid_cursor()
    return last, first, min(identifier, 2**31 - 1)
