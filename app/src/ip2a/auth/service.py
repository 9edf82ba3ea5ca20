"""Logging in, refreshing and ending sessions.

No connection is held while a password is hashed, and every answer to a wrong log-in is the same.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.auth import repository
from ip2a.auth.repository import Account, LoginAttempt, NewToken, OpenSession
from ip2a.database.identity import AUTHENTICATION, Identity, transaction
from ip2a.limits.rates import LOGIN
from ip2a.reads import Query, Read, user_subject
from ip2a.runtime import Runtime
from ip2a.security.principal import Principal, read_principal
from ip2a.security.tokens import (
    REFRESH_LIFETIME,
    REUSE_GRACE,
    csrf_token,
    issue_access_token,
    new_refresh_token,
    successor_of,
    token_digest,
)
from ip2a.web.problems import Problem

MAXIMUM_DEVICE = 500
SESSIONS = 100
"""The most that are listed; whoever has more ends all of them by a new password."""
PRINCIPAL = Read(
    name="principal",
    path="",
    permission="",
    statement=repository.PRINCIPAL,
    seconds=86_400,
    subject=b"",
    primary_only=True,
)


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, as far as it can be believed."""

    address: str
    device: str | None
    correlation_id: str = ""

    @property
    def authentication(self) -> Identity:
        """The identity of the log-in flow, with where it comes from for the audit trail."""
        return replace(AUTHENTICATION, address=self.address, correlation_id=self.correlation_id)

    def authentication_of(self, user_id: int) -> Identity:
        """The same, once it is known whose account it is."""
        return replace(self.authentication, user_id=user_id)


@dataclass(frozen=True, slots=True)
class Session:
    """A session just begun or continued; the tokens exist only here and at the client."""

    account: Account
    session_id: UUID
    access_token: str
    refresh_token: str
    csrf_token: str


def invalid_credentials() -> Problem:
    """One answer for a wrong password and for an unknown account."""
    return Problem(401, "invalid-credentials", "The e-mail address or the password is not right.")


def invalid_session() -> Problem:
    """The session ended, was revoked, or never was."""
    return Problem(
        401, "invalid-session", "The session has ended; log in again.", headers={"WWW-Authenticate": "Bearer"}
    )


async def log_in(runtime: Runtime, email: str, password: str, client: Client) -> Session:
    """Begin a session.

    Raises Problem 401 (credentials), 423 (too many failures) and 429 (too many attempts at this account, from
    wherever), both with Retry-After, and 403 (account inactive).
    """
    attempt = await check_password(runtime, email, password, client)
    if not attempt.is_active:
        raise Problem(403, "account-inactive", "This account is not active; ask the local's office.")
    new_hash = None
    if runtime.passwords.is_outdated(attempt.password_hash):
        new_hash = await runtime.passwords.hash(password)
    now, session_id, token = runtime.now(), uuid4(), new_refresh_token()
    call = repository.begin_session(attempt.user_id, _new(session_id, token, now, client), new_hash, now)
    identity = client.authentication_of(attempt.user_id)
    account = repository.account((await runtime.writer.run(identity, call, "login")).rows)
    if account is None:
        raise invalid_session()
    return _session(runtime, account, session_id, token, now)


async def check_password(runtime: Runtime, email: str, password: str, client: Client) -> LoginAttempt:
    """Count an attempt and verify the password.

    Raises Problem 401 (credentials), 423 (too many failures) and 429 (too many attempts).
    """
    now = runtime.now()
    await _limit_attempts(runtime, email, now)
    call = repository.count_attempt(email.strip().lower(), now)
    attempt = repository.login_attempt((await runtime.writer.run(client.authentication, call, "login")).rows)
    if attempt is not None and attempt.locked_seconds:
        raise Problem(
            423,
            "account-locked",
            "Too many failed attempts; the account is locked for a while.",
            headers={"Retry-After": str(attempt.locked_seconds)},
        )
    verified = await runtime.passwords.verify(password, attempt.password_hash if attempt else None)
    if attempt is None or not verified:
        raise invalid_credentials()
    return attempt


async def begin(runtime: Runtime, connection: AsyncConnection, user_id: int, client: Client) -> Session:
    """A new session of an account that has proved who it is, in the caller's transaction.

    Raises Problem 401 when the account is no longer active.
    """
    now = runtime.now()
    session_id, token = uuid4(), new_refresh_token()
    await repository.insert_refresh_token(connection, user_id, _new(session_id, token, now, client), now)
    account = await _active_account(connection, user_id, now)
    return _session(runtime, account, session_id, token, now)


async def _limit_attempts(runtime: Runtime, email: str, now: datetime) -> None:
    key = b"l:" + token_digest(email.strip().lower())[:16]
    checked = await runtime.limiter.check(key, LOGIN, now.timestamp())
    if checked.wait:
        raise Problem(
            429,
            "rate-limited",
            "Too many attempts at this account; try again later.",
            headers={"Retry-After": str(checked.wait)},
        )


async def refresh(runtime: Runtime, refresh_token: str, client: Client) -> Session:
    """Continue a session with a new pair of tokens.

    A token used twice within REUSE_GRACE gives the same successor; used later it was stolen, and the session
    ends.
    Raises Problem 401.
    """
    now = runtime.now()
    digest = token_digest(refresh_token)
    successor = successor_of(refresh_token, runtime.cookie_key)
    async with transaction(runtime.databases.write, client.authentication) as connection:
        token = await repository.use_refresh_token(connection, digest, now)
        if token is not None:
            account = await _active_account(connection, token.user_id, now)
            following = _new(token.session_id, successor, now, client)
            await repository.insert_refresh_token(connection, token.user_id, following, now)
            return _session(runtime, account, token.session_id, successor, now)
        stored = await repository.find_refresh_token(connection, digest)
        if stored is None or stored.revoked_at is not None or stored.used_at is None:
            raise invalid_session()
        if now - stored.used_at <= REUSE_GRACE:
            account = await _active_account(connection, stored.user_id, now)
            return _session(runtime, account, stored.session_id, successor, now)
    async with runtime.writer.transaction(client.authentication, [user_subject(stored.user_id)]) as writing:
        await repository.revoke_session(
            writing.connection, user_id=stored.user_id, session_id=stored.session_id, now=now
        )
        await repository.raise_token_epoch(writing.connection, stored.user_id)
    raise invalid_session()


async def end_session(runtime: Runtime, user_id: int, session_id: UUID, client: Client) -> bool:
    """Revoke one of an account's own sessions; False when it was not open."""
    async with runtime.writer.transaction(client.authentication_of(user_id), [user_subject(user_id)]) as writing:
        revoked = await repository.revoke_session(
            writing.connection, user_id=user_id, session_id=session_id, now=runtime.now()
        )
    return revoked > 0


def principal_query(user_id: int) -> Query:
    """The read of an account's principal; cached, and invalidated by whatever changes it."""
    return Query(PRINCIPAL, AUTHENTICATION, user_subject(user_id), b"principal", (b"%d" % user_id,))


async def principal(runtime: Runtime, user_id: int) -> Principal | None:
    """The account as it is now; None when it does not exist or is not active."""
    entry = await runtime.read_through.answer(principal_query(user_id), 0)
    return read_principal(entry.body) if entry.status == 200 else None


async def sessions(runtime: Runtime, user_id: int) -> list[OpenSession]:
    """The sessions of an account that are still open, last used first; SESSIONS at most."""
    async with transaction(runtime.databases.write, AUTHENTICATION) as connection:
        return await repository.open_sessions(connection, user_id, runtime.now(), SESSIONS)


async def _active_account(connection: AsyncConnection, user_id: int, now: datetime) -> Account:
    account = await repository.find_account(connection, user_id, now)
    if account is None or not account.is_active:
        raise invalid_session()
    return account


def _new(session_id: UUID, token: str, now: datetime, client: Client) -> NewToken:
    device = client.device[:MAXIMUM_DEVICE] if client.device else None
    return NewToken(session_id, token_digest(token), now + REFRESH_LIFETIME, device, client.address)


def _session(runtime: Runtime, account: Account, session_id: UUID, refresh_token: str, now: datetime) -> Session:
    access = issue_access_token(
        runtime.token_keys,
        user_id=account.user_id,
        member_id=account.member_id,
        roles=tuple(account.roles),
        epoch=account.token_epoch,
        session_id=str(session_id),
        now=now,
    )
    return Session(account, session_id, access, refresh_token, csrf_token(str(session_id), runtime.cookie_key))
