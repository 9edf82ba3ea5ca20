"""The write and the read engine, both through PgBouncer in transaction mode.

No session state may be relied on: whatever a statement needs is set transaction-locally (see `identity`).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import URL, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.pool.base import _ConnectionRecord

from ip2a.observability import metrics
from ip2a.settings import Settings

CONNECT_TIMEOUT = 3  # seconds for TCP, TLS and log-in together
RECYCLE_JITTER = 0.2  # a connection lives between 80 % and 100 % of the recycle time


def connect_arguments(settings: Settings, application_name: str) -> dict[str, str | int | None]:
    """libpq parameters every connection shares, and psycopg's own."""
    arguments: dict[str, str | int | None] = {
        "sslmode": settings.db_sslmode,
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": application_name,
        # Only Pipeline prepares: psycopg discards all of a connection's statements after some results, and PgBouncer
        # then forgets what Pipeline prepared on it too ("prepared statement 'ip2a_identity' not found", 503).
        "prepare_threshold": None,
    }
    if settings.db_sslrootcert:
        arguments["sslrootcert"] = settings.db_sslrootcert
    return arguments


def database_url(settings: Settings, host: str) -> URL:
    """Where and as whom to connect."""
    return URL.create(
        "postgresql+psycopg",
        username=settings.db_user,
        password=settings.db_password.get_secret_value() or None,
        host=host,
        port=settings.db_port,
        database=settings.db_name,
    )


@dataclass(frozen=True, slots=True)
class Databases:
    """The two ways to the data: `write` reaches the primary, `read` replicas.

    Without `split` both reach the primary."""

    write: AsyncEngine
    read: AsyncEngine
    split: bool

    async def close(self) -> None:
        """Return every connection to the poolers."""
        await self.write.dispose()
        await self.read.dispose()


def _spread_recycling(recycle: int) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    """Connections made together must not be recycled together."""

    def age(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        if isinstance(record, _ConnectionRecord):
            record.starttime -= random.uniform(0, recycle * RECYCLE_JITTER)  # noqa: S311 (jitter)

    return age


def create_databases(settings: Settings) -> Databases:
    """Engines sized by the settings; nothing is connected yet."""

    def engine(host: str, name: str, size: int, overflow: int) -> AsyncEngine:
        created = create_async_engine(
            database_url(settings, host),
            # SQLAlchemy closes what overflows as soon as it is returned, and the next burst pays for logging in
            # again (SCRAM: some 5 ms of CPU). An idle connection costs the pooler 2 KiB, so all are kept.
            pool_size=size + overflow,
            max_overflow=0,
            pool_timeout=settings.db_pool_timeout,
            pool_recycle=settings.db_pool_recycle,
            pool_use_lifo=True,
            # Transactions are always ended by their context managers; a second ROLLBACK is a round trip for
            # nothing.
            pool_reset_on_return=None,
            connect_args=connect_arguments(settings, f"ip2a-{name}"),
        )
        event.listen(created.sync_engine, "connect", _spread_recycling(settings.db_pool_recycle))
        metrics.POOL_LIMIT.labels(name).set(size + overflow)
        return created

    return Databases(
        write=engine(settings.db_write_host, "write", settings.db_pool_size, settings.db_max_overflow),
        read=engine(settings.read_host, "read", settings.db_read_pool_size, settings.db_read_max_overflow),
        split=settings.read_host != settings.db_write_host,
    )
