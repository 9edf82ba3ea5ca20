"""Alembic's entry point: runs the steps on the connection that `ip2a.database.migrate` opened and locked."""

from alembic import context

from ip2a.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
