"""Brings the schema up to date, once, however many pods try at the same time.

Connects straight to the primary as ip2a_owner: migrations need a session (advisory lock), which a
transaction pooler
does not give.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from ip2a.database.engines import connect_arguments, database_url
from ip2a.database.roles import APPLICATION_ROLE, grant_roles
from ip2a.settings import Settings

LOCK = 0x1B2A_0046  # any constant; every migrator of this database takes the same
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class MigrationError(Exception):
    """The database is not one the migrations can work on; the message says what to do."""


def migrate(settings: Settings) -> str:
    """Run the steps that are missing and return the revision reached.

    Raises MigrationError when the application's role does not exist.
    """
    engine = create_engine(
        database_url(settings, settings.db_write_host),
        poolclass=NullPool,
        connect_args=connect_arguments(settings, "ip2a-migrate"),
    )
    with engine.connect() as connection:
        return _upgrade(connection)


def _upgrade(connection: Connection) -> str:
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
    # Data steps must see every row: the owner is subject to row-level security too.
    connection.execute(text("SELECT set_config('ip2a.resources', '*', false)"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    role = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": APPLICATION_ROLE})
    connection.commit()
    if role is None:
        raise MigrationError(
            f"role {APPLICATION_ROLE} does not exist; create it (CREATE ROLE {APPLICATION_ROLE} LOGIN) and try again"
        )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
    grant_roles(connection)
    connection.commit()
    revision = MigrationContext.configure(connection).get_current_revision()
    return revision or "none"
