"""Members apply for help themselves: they see their own applications, add them, and change them until the office looks
at them. Nobody decides in their place, whatever the code does.

Revision: 0071_own_benevolence

The version before this one shows no list with a withdrawn application in it; members cannot withdraw there.
"""

from alembic import op

from ip2a.migrations.audit import OWN_MEMBER

revision = "0071_own_benevolence"
down_revision: str | None = "0070_re_registration"
branch_labels: str | None = None
depends_on: str | None = None

UNDECIDED = "approved_cents IS NULL AND paid_on IS NULL AND payment_method IS NULL"


def upgrade() -> None:
    op.execute(
        f"""
        ALTER TABLE benevolence_applications
            DROP CONSTRAINT ck_benevolence_applications_status,
            ADD CONSTRAINT ck_benevolence_applications_status CHECK (status IN ('draft', 'submitted', 'under_review',
                'approved', 'denied', 'paid', 'withdrawn'));
        CREATE POLICY own_select ON benevolence_applications FOR SELECT USING ({OWN_MEMBER});
        CREATE POLICY own_insert ON benevolence_applications FOR INSERT
            WITH CHECK ({OWN_MEMBER} AND status IN ('draft', 'submitted') AND {UNDECIDED});
        CREATE POLICY own_update ON benevolence_applications FOR UPDATE
            USING ({OWN_MEMBER} AND status IN ('draft', 'submitted'))
            WITH CHECK ({OWN_MEMBER} AND status IN ('draft', 'submitted', 'withdrawn') AND {UNDECIDED});
        """
    )


def downgrade() -> None:
    raise NotImplementedError("steps only go forward; restore a backup to go back")
