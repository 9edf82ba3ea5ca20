"""Choosing a password, getting back in by mail, verifying an address.

No connection is held while a password is hashed. Nothing said here tells whether an account exists.
"""

from datetime import timedelta
from secrets import token_urlsafe

from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.accounts import repository
from ip2a.accounts.mails import Mail, changed_mail, token_mail
from ip2a.accounts.repository import Holder
from ip2a.auth import service as auth_service
from ip2a.auth.models import TokenPurpose
from ip2a.auth.service import Client, Session
from ip2a.database.identity import set_identity
from ip2a.limits.rates import RECOVERY
from ip2a.reads import user_subject
from ip2a.runtime import Runtime
from ip2a.security.passwords import weakness
from ip2a.security.tokens import token_digest
from ip2a.web.dependencies import Caller
from ip2a.web.problems import Problem
from ip2a.worker.queue import enqueue

LIFETIMES = {
    TokenPurpose.RESET: timedelta(hours=1),
    TokenPurpose.INVITE: timedelta(hours=72),
    TokenPurpose.VERIFY: timedelta(hours=24),
}
PASSWORD_PURPOSES = [TokenPurpose.RESET, TokenPurpose.INVITE]


async def change_password(
    runtime: Runtime, caller: Caller, current_password: str, new_password: str, client: Client
) -> Session:
    """Replace the caller's password and end every session; a new one begins for the caller.

    Raises Problem 403 (the current password is wrong), 423 (too many wrong ones), 422 (the new one is weak).
    """
    account = caller.principal
    refuse_weak(new_password, account.email, account.first_name, account.last_name)
    if new_password == current_password:
        raise Problem(422, "weak-password", "`new_password` must differ from the current one.")
    try:
        await auth_service.check_password(runtime, account.email, current_password, client)
    except Problem as problem:
        if problem.status != 401:
            raise
        raise Problem(403, "wrong-password", "`current_password` is not right.") from None
    password_hash = await runtime.passwords.hash(new_password)
    identity = client.authentication_of(account.user_id)
    async with runtime.writer.transaction(identity, [user_subject(account.user_id)]) as writing:
        connection = writing.connection
        await repository.set_password(connection, account.user_id, password_hash, runtime.now(), verified=False)
        session = await auth_service.begin(runtime, connection, account.user_id, client)
        await queue_mail(connection, changed_mail(account.email, account.first_name))
    caller.wrote(writing.lsn)
    return session


async def limit_recovery(runtime: Runtime, email: str) -> None:
    """Count a mail to this address, whether or not it has an account.

    Raises Problem 429.
    """
    key = b"r:" + token_digest(email.strip().lower())[:16]
    checked = await runtime.limiter.check(key, RECOVERY, runtime.now().timestamp())
    if checked.wait:
        raise Problem(
            429,
            "rate-limited",
            "A mail to this address is under way; look for it, or try again later.",
            headers={"Retry-After": str(checked.wait)},
        )


async def send_reset(runtime: Runtime, email: str, client: Client) -> None:
    """Mail a reset link if there is such an account. Runs after the answer, so that its time tells nothing."""
    async with runtime.writer.transaction(client.authentication, []) as writing:
        holder = await repository.holder_of_email(writing.connection, email.strip().lower())
        if holder is not None:
            await send_token(runtime, writing.connection, holder, TokenPurpose.RESET)


async def reset_password(runtime: Runtime, token: str, new_password: str, client: Client) -> None:
    """Set the password of the account whose token this is, and end its sessions.

    Raises Problem 422 (the link is used, expired or none of ours; the password is weak).
    """
    digest = token_digest(token)
    async with runtime.writer.transaction(client.authentication, []) as writing:
        holder = await repository.holder_of_token(writing.connection, digest, PASSWORD_PURPOSES, runtime.now())
    if holder is None:
        raise invalid_link()
    refuse_weak(new_password, holder.email, holder.first_name, holder.last_name)
    password_hash = await runtime.passwords.hash(new_password)
    identity = client.authentication_of(holder.user_id)
    async with runtime.writer.transaction(identity, [user_subject(holder.user_id)]) as writing:
        connection = writing.connection
        used = await repository.use_token(connection, digest, PASSWORD_PURPOSES, runtime.now())
        if used is None:
            raise invalid_link()
        await repository.set_password(connection, used.user_id, password_hash, runtime.now(), verified=True)
        await queue_mail(connection, changed_mail(used.email, used.first_name))


async def send_verification(runtime: Runtime, caller: Caller, client: Client) -> None:
    """Mail the caller a link that verifies their address.

    Raises Problem 429.
    """
    await limit_recovery(runtime, caller.principal.email)
    identity = client.authentication_of(caller.principal.user_id)
    async with runtime.writer.transaction(identity, []) as writing:
        holder = await repository.holder(writing.connection, caller.principal.user_id)
        if holder is not None:
            await send_token(runtime, writing.connection, holder, TokenPurpose.VERIFY)


async def verify_email(runtime: Runtime, token: str, client: Client) -> None:
    """The address the token was sent to is its account's.

    Raises Problem 422 (the link is used, expired, none of ours, or for an address the account no longer has).
    """
    async with runtime.writer.transaction(client.authentication, []) as writing:
        used = await repository.use_token(writing.connection, token_digest(token), [TokenPurpose.VERIFY], runtime.now())
        if used is None:
            raise invalid_link()
        await set_identity(writing.connection, client.authentication_of(used.user_id))
        await repository.verify(writing.connection, used.user_id)
        writing.subjects.append(user_subject(used.user_id))


async def send_token(runtime: Runtime, connection: AsyncConnection, holder: Holder, purpose: TokenPurpose) -> None:
    """Make a token and queue its mail, in the caller's transaction."""
    token, now = token_urlsafe(32), runtime.now()
    await repository.insert_token(
        connection, holder, purpose, token_hash=token_digest(token), now=now, expires_at=now + LIFETIMES[purpose]
    )
    mail = token_mail(purpose, holder.email, holder.first_name, token, runtime.settings.public_url)
    await queue_mail(connection, mail)


async def queue_mail(connection: AsyncConnection, mail: Mail) -> None:
    """Have the worker send it, if this transaction commits."""
    await enqueue(connection, "mail", {"to": mail.to, "subject": mail.subject, "text": mail.text})


def refuse_weak(password: str, email: str, *names: str) -> None:
    """Raise Problem 422 for a password that is easily guessed."""
    reason = weakness(password, (email, email.partition("@")[0], *names))
    if reason is not None:
        raise Problem(422, "weak-password", f"`new_password` {reason}.")


def invalid_link() -> Problem:
    """The token is used, expired, replaced by a newer one, or none of ours; which one is not said."""
    return Problem(422, "invalid-token", "This link is no longer valid; ask for a new one.")
