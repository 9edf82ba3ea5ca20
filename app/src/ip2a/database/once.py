"""Every change once for each Idempotency-Key: its answer is kept in the transaction of the change, and given again.

The edge opens a `Once` for a write that names a key. The transactions of the request's service become one, which stays
open until the answer is known; answer and change are then committed together. Two requests with one key at the same
moment both do the work, and the primary key of `idempotency_keys` lets one of them commit.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ip2a.database.identity import Identity, set_identity, transaction

PRIMARY_KEY = "pk_idempotency_keys"
_FIND = text(
    "SELECT request_digest, status, media_type, answer FROM idempotency_keys WHERE user_id = :user AND key = :key"
)
_KEEP = text(
    "INSERT INTO idempotency_keys (user_id, key, request_digest, status, media_type, answer)"
    " VALUES (:user, :key, :digest, :status, :media_type, :answer)"
)


class Stored(NamedTuple):
    """The first answer under a key, and the digest of the request it was for; `answer` is None where it is not kept."""

    request_digest: bytes
    status: int | None
    media_type: str | None
    answer: bytes | None


class AnsweredBeforeError(Exception):
    """The key was used: nothing is to be done but giving the first answer again."""


class _RollBackError(Exception):
    """Ends a transaction without its changes."""


class Once:
    """One request under a key. `identity` is its caller's own, whatever the service works as."""

    def __init__(self, engine: AsyncEngine, identity: Identity, key: str, digest: bytes) -> None:
        self._engine = engine
        self._identity = identity
        self._key = {"user": identity.user_id, "key": key}
        self._digest = digest
        self._stack: AsyncExitStack | None = None
        self._connection: AsyncConnection | None = None
        self._current = identity
        self._then: list[Callable[[], Awaitable[int]]] = []
        self.stored: Stored | None = None

    @property
    def holds(self) -> bool:
        """Whether a transaction waits for the answer."""
        return self._connection is not None

    @asynccontextmanager
    async def transaction(self, identity: Identity) -> AsyncIterator[AsyncConnection]:
        """The request's transaction, on behalf of `identity` from here on; an error ends it without its changes.

        Raises AnsweredBeforeError.
        """
        connection = self._connection or await self._open()
        if identity != self._current:
            await set_identity(connection, identity)
            self._current = identity
        try:
            yield connection
        except BaseException:
            await self.abandon()
            raise

    def afterwards(self, then: Callable[[], Awaitable[int]]) -> None:
        """Do this when the change is committed; it answers the WAL position behind it."""
        self._then.append(then)

    async def keep(self, status: int, media_type: str, answer: bytes | None) -> bool:
        """Commit the change with its answer; False when another request with the key was first, and nothing is done."""
        assert self._connection is not None  # noqa: S101 (`holds`)
        assert self._stack is not None  # noqa: S101
        values = {**self._key, "digest": self._digest, "status": status, "media_type": media_type, "answer": answer}
        try:
            if self._current != self._identity:
                await set_identity(self._connection, self._identity)
            await self._connection.execute(_KEEP, values)
        except IntegrityError as error:
            await self.abandon()
            if PRIMARY_KEY not in str(error.orig):
                raise
            return False
        except BaseException:
            await self.abandon()
            raise
        stack, self._stack, self._connection = self._stack, None, None
        await stack.aclose()
        return True

    async def finish(self) -> int:
        """What follows the commit; the WAL position behind it, 0 when nobody asks for it."""
        positions = [await then() for then in self._then]
        return max(positions, default=0)

    async def abandon(self) -> None:
        """Undo what was done, if anything is."""
        stack, self._stack, self._connection = self._stack, None, None
        self._then.clear()
        if stack is not None:
            error = _RollBackError()
            await stack.__aexit__(_RollBackError, error, None)

    async def find(self) -> Stored | None:
        """The first answer under this key."""
        async with transaction(self._engine, self._identity) as connection:
            return await self._find(connection)

    def is_of(self, stored: Stored) -> bool:
        """Whether the first answer was to this very request."""
        return stored.request_digest == self._digest

    async def _open(self) -> AsyncConnection:
        self._stack = AsyncExitStack()
        connection = await self._stack.enter_async_context(transaction(self._engine, self._identity))
        self._connection, self._current = connection, self._identity
        try:
            self.stored = await self._find(connection)
        except BaseException:
            await self.abandon()
            raise
        if self.stored is not None:
            await self.abandon()
            raise AnsweredBeforeError
        return connection

    async def _find(self, connection: AsyncConnection) -> Stored | None:
        row = (await connection.execute(_FIND, self._key)).first()
        return None if row is None else Stored._make(row)


ONCE: ContextVar[Once | None] = ContextVar("once", default=None)
"""Of the request that is being answered, where it names a key."""
