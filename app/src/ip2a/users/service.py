"""Administering accounts. What is changed counts on the account's next request."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from secrets import token_urlsafe
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.accounts import service as accounts
from ip2a.accounts.repository import Holder
from ip2a.auth import repository as auth_repository
from ip2a.auth import service as auth_service
from ip2a.auth.models import RoleName, TokenPurpose
from ip2a.reads import user_subject
from ip2a.runtime import Runtime
from ip2a.users import repository
from ip2a.users.schemas import (
    AccountChange,
    AccountItem,
    AccountOrder,
    AccountSession,
    EndedSessions,
    RoleGrant,
    RolesOrder,
)
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, page_of
from ip2a.web.problems import Problem

CONFLICTS = {
    "uq_users_email": "`email`: there is an account with this address.",
    "uq_users_member_id": "`member_id`: this member has an account.",
    "fk_users_member_id": "`member_id`: there is no such member.",
}


async def page(
    runtime: Runtime, caller: Caller, *, search: str | None, role: RoleName | None, after: str | None, limit: int
) -> Page[AccountItem]:
    """Accounts by address; `search` is the beginning of an address or of a last name."""
    prefix = search.strip().lower() if search else ""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(
            connection,
            prefix=prefix or None,
            role=role.value if role else None,
            after=after or "",
            limit=limit + 1,
            now=runtime.now(),
        )
    return page_of(AccountItem, rows, limit, lambda item: item.email)


async def find(runtime: Runtime, caller: Caller, user_id: int) -> AccountItem:
    """One account.

    Raises Problem 404.
    """
    async with caller.transaction(runtime.databases) as connection:
        return await _item(runtime, connection, user_id)


async def create(runtime: Runtime, caller: Caller, order: AccountOrder) -> AccountItem:
    """A new account; its owner gets a mail with a link for choosing a password.

    Raises Problem 409 (address or member taken), 422 (no such member).
    """
    # Nobody knows this password; the link in the mail replaces it.
    password_hash = await runtime.passwords.hash(token_urlsafe(32))
    values = {
        "email": order.email.lower(),
        "password_hash": password_hash,
        "first_name": order.first_name,
        "last_name": order.last_name,
        "member_id": order.member_id,
    }
    async with _conflicts(), runtime.writer.transaction(caller.identity, []) as writing:
        connection = writing.connection
        user_id = await repository.insert(connection, values)
        await _set_roles(connection, user_id, order.roles)
        holder = Holder(user_id, order.email.lower(), order.first_name, order.last_name)
        await accounts.send_token(runtime, connection, holder, TokenPurpose.INVITE)
        item = await _item(runtime, connection, user_id)
    caller.wrote(writing.lsn)
    return item


async def change(runtime: Runtime, caller: Caller, user_id: int, order: AccountChange) -> AccountItem:
    """Change name, address or member.

    Raises Problem 404, 409 (address or member taken), 422 (no such member).
    """
    values = order.model_dump()
    values["email"] = order.email.lower() if order.email else None
    links = "member_id" in order.model_fields_set
    async with _conflicts(), runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        if not await repository.change(writing.connection, user_id, values, links=links):
            raise no_such_account()
        if links:
            # Access tokens name the member they are for.
            await repository.raise_epoch(writing.connection, user_id)
        item = await _item(runtime, writing.connection, user_id)
    caller.wrote(writing.lsn)
    return item


async def set_roles(runtime: Runtime, caller: Caller, user_id: int, order: RolesOrder) -> AccountItem:
    """Give exactly these roles.

    Raises Problem 404, 409 (own roles; nobody would administer any more).
    """
    _refuse_self(caller, user_id)
    async with runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        connection = writing.connection
        await repository.lock_administrators(connection)
        await _item(runtime, connection, user_id)
        await _set_roles(connection, user_id, order.roles)
        await _refuse_nobody(connection)
        item = await _item(runtime, connection, user_id)
    caller.wrote(writing.lsn)
    return item


async def lock(runtime: Runtime, caller: Caller, user_id: int) -> AccountItem:
    """End its sessions and let nobody log in as it.

    Raises Problem 404, 409 (oneself; nobody would administer any more).
    """
    _refuse_self(caller, user_id)
    async with runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        connection = writing.connection
        await repository.lock_administrators(connection)
        await repository.lock(connection, user_id)
        await _refuse_nobody(connection)
        await repository.end_sessions(connection, user_id, runtime.now())
        item = await _item(runtime, connection, user_id)
    caller.wrote(writing.lsn)
    return item


async def unlock(runtime: Runtime, caller: Caller, user_id: int) -> AccountItem:
    """Let it log in again, also after too many failures.

    Raises Problem 404, 409 (its member is deleted).
    """
    async with runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        if not await repository.unlock(writing.connection, user_id):
            await _item(runtime, writing.connection, user_id)
            raise Problem(409, "member-deleted", "The account's member is deleted: restore the member instead.")
        item = await _item(runtime, writing.connection, user_id)
    caller.wrote(writing.lsn)
    return item


async def force_reset(runtime: Runtime, caller: Caller, user_id: int) -> AccountItem:
    """End its sessions, have its owner choose a new password, and mail the link for it.

    Raises Problem 404 when there is no such active account.
    """
    async with runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        connection = writing.connection
        if not await repository.force_reset(connection, user_id):
            raise no_such_account()
        await repository.end_sessions(connection, user_id, runtime.now())
        item = await _item(runtime, connection, user_id)
        holder = Holder(item.id, item.email, item.first_name, item.last_name)
        await accounts.send_token(runtime, connection, holder, TokenPurpose.RESET)
    caller.wrote(writing.lsn)
    return item


async def send_reset(runtime: Runtime, caller: Caller, user_id: int) -> AccountItem:
    """Mail the link for choosing a password, without asking for one.

    Raises Problem 404 when there is no such active account.
    """
    async with runtime.writer.transaction(caller.identity, []) as writing:
        item = await _item(runtime, writing.connection, user_id)
        if not item.is_active:
            raise no_such_account()
        holder = Holder(item.id, item.email, item.first_name, item.last_name)
        await accounts.send_token(runtime, writing.connection, holder, TokenPurpose.RESET)
    caller.wrote(writing.lsn)
    return item


async def sessions(runtime: Runtime, caller: Caller, user_id: int) -> list[AccountSession]:
    """The open sessions of an account, last used first; the first 100.

    Raises Problem 404.
    """
    await find(runtime, caller, user_id)
    return [
        AccountSession.model_validate({**item._asdict(), "session_id": str(item.session_id)})
        for item in await auth_service.sessions(runtime, user_id)
    ]


async def end_session(runtime: Runtime, caller: Caller, user_id: int, session_id: UUID) -> None:
    """End one session of an account; its access token is refused from the next request on.

    Raises Problem 404 when it is not open.
    """
    async with runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        ended = await auth_repository.revoke_session(
            writing.connection, user_id=user_id, session_id=session_id, now=runtime.now()
        )
        if not ended:
            raise Problem(404, "no-such-session", "There is no such session that is still open.")
    caller.wrote(writing.lsn)


async def end_sessions(runtime: Runtime, caller: Caller, user_id: int) -> EndedSessions:
    """End every session of an account, access tokens included.

    Raises Problem 404.
    """
    async with runtime.writer.transaction(caller.identity, [user_subject(user_id)]) as writing:
        if not await repository.raise_epoch(writing.connection, user_id):
            raise no_such_account()
        ended = await repository.end_sessions(writing.connection, user_id, runtime.now())
    caller.wrote(writing.lsn)
    return EndedSessions(ended=ended)


def no_such_account() -> Problem:
    """There is no (active) account with this id."""
    return Problem(404, "no-such-account", "There is no such account.")


async def _item(runtime: Runtime, connection: AsyncConnection, user_id: int) -> AccountItem:
    row = await repository.find(connection, user_id, runtime.now())
    if row is None:
        raise no_such_account()
    return AccountItem.model_validate(dict(row))


async def _set_roles(connection: AsyncConnection, user_id: int, roles: Sequence[RoleGrant]) -> None:
    wanted = {grant.role.value: grant.expires_at for grant in roles}
    await repository.set_roles(connection, user_id, list(wanted), list(wanted.values()))


def _refuse_self(caller: Caller, user_id: int) -> None:
    if caller.principal.user_id == user_id:
        raise Problem(409, "own-account", "Another administrator must do this to your account.")


async def _refuse_nobody(connection: AsyncConnection) -> None:
    if await repository.administrators(connection) == 0:
        raise Problem(409, "last-administrator", "Somebody must stay administrator for good.")


@asynccontextmanager
async def _conflicts() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError as error:
        said = str(error.orig)
        for name, detail in CONFLICTS.items():
            if name in said:
                raise Problem(422 if name.startswith("fk_") else 409, "account-conflict", detail) from None
        raise
