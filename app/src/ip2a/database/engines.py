"""The write and the read engine, both through PgBouncer in transaction mode.

No session state may be relied on: whatever a statement needs is set transaction-locally (see `identity`).
"""

from dataclasses import dataclass

import psycopg
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ip2a.settings import Settings

CONNECT_TIMEOUT = 3  # seconds for TCP, TLS and log-in together
PREPARE_AFTER = 3  # executions of one text before it becomes a prepared statement


def prepare_threshold() -> int | None:
    """After how many executions psycopg prepares; never, where libpq cannot close a statement by protocol.

    PgBouncer tracks protocol-level prepared statements (max_prepared_statements > 0), but not SQL's
    DEALLOCATE,
    which older libpq needs.
    """
    return PREPARE_AFTER if psycopg.capabilities.has_send_close_prepared() else None


def connect_arguments(settings: Settings, application_name: str) -> dict[str, str | int | None]:
    """libpq parameters every connection shares, and psycopg's own."""
    arguments: dict[str, str | int | None] = {
        "sslmode": settings.db_sslmode,
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": application_name,
        "prepare_threshold": prepare_threshold(),
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
    """The two ways to the data: `write` reaches the primary, `read` replicas (or the primary again)."""

    write: AsyncEngine
    read: AsyncEngine

    async def close(self) -> None:
        """Return every connection to the poolers."""
        await self.write.dispose()
        await self.read.dispose()


def create_databases(settings: Settings) -> Databases:
    """Engines sized by the settings; nothing is connected yet."""

    def engine(host: str, name: str, size: int, overflow: int) -> AsyncEngine:
        return create_async_engine(
            database_url(settings, host),
            pool_size=size,
            max_overflow=overflow,
            pool_timeout=settings.db_pool_timeout,
            pool_recycle=settings.db_pool_recycle,
            pool_use_lifo=True,
            connect_args=connect_arguments(settings, name),
        )

    return Databases(
        write=engine(settings.db_write_host, "ip2a-write", settings.db_pool_size, settings.db_max_overflow),
        read=engine(settings.read_host, "ip2a-read", settings.db_read_pool_size, settings.db_read_max_overflow),
    )
