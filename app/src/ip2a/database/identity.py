"""On whose behalf a transaction runs: what row-level security reads.

The identity is set transaction-locally, so that nothing of it survives on a pooled server connection. A
transaction
without an identity sees no protected row at all.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

EVERY_RESOURCE = "*"

_SET_IDENTITY = text(
    "SELECT set_config('ip2a.user_id', :user_id, true),"
    " set_config('ip2a.member_id', :member_id, true),"
    " set_config('ip2a.resources', :resources, true),"
    " set_config('ip2a.address', :address, true),"
    " set_config('ip2a.correlation_id', :correlation_id, true)"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """`member_id` opens that member's own rows; `resources` names those whose rows of every member are open.

    `address` and `correlation_id` only reach the audit trail.
    """

    user_id: int | None = None
    member_id: int | None = None
    resources: frozenset[str] = frozenset()
    address: str = ""
    correlation_id: str = ""

    def parameters(self) -> dict[str, str]:
        """The identity as the strings that PostgreSQL's settings hold."""
        return {
            "user_id": "" if self.user_id is None else str(self.user_id),
            "member_id": "" if self.member_id is None else str(self.member_id),
            "resources": ",".join(sorted(self.resources)),
            "address": self.address,
            "correlation_id": self.correlation_id,
        }


SYSTEM = Identity(resources=frozenset({EVERY_RESOURCE}))
"""The platform itself: seeds and background work, never a request of a person."""

AUTHENTICATION = Identity(resources=frozenset({"users", "audit_write"}))
"""The log-in flow, before it is known who asks: sees accounts, no member's data."""


@asynccontextmanager
async def transaction(engine: AsyncEngine, identity: Identity) -> AsyncIterator[AsyncConnection]:
    """One transaction on behalf of `identity`; commits at the end, rolls back on any error."""
    async with engine.begin() as connection:
        await set_identity(connection, identity)
        yield connection


async def set_identity(connection: AsyncConnection, identity: Identity) -> None:
    """From here on the connection's transaction runs on behalf of `identity`."""
    await connection.execute(_SET_IDENTITY, identity.parameters())
