"""Idempotency keys of every write, with the answer that was given.

Revision: 0060_answers

The version before this one writes payments' keys alone, without their answer, and reads no others.
"""

from alembic import op

revision = "0060_answers"
down_revision: str | None = "0031_documents"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE idempotency_keys
            ALTER COLUMN payment_id DROP NOT NULL,
            ADD COLUMN status smallint,
            ADD COLUMN media_type varchar(100),
            ADD COLUMN answer bytea;
        """
    )


def downgrade() -> None:
    raise NotImplementedError("steps only go forward; restore a backup to go back")
