"""An adjustment may write off what is open of a month.

Revision: 0078_write_off

The version before this one shows no list of adjustments with a write-off in it; none can be asked for there.
"""

from alembic import op

revision = "0078_write_off"
down_revision: str | None = "0077_standing"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE dues_adjustments
            DROP CONSTRAINT ck_dues_adjustments_type,
            ADD CONSTRAINT ck_dues_adjustments_type CHECK (adjustment_type IN ('waiver', 'hardship', 'credit',
                'correction', 'late_fee', 'reinstatement', 'write_off', 'other'))
        """
    )


def downgrade() -> None:
    raise NotImplementedError("steps only go forward; restore a backup to go back")
