"""Who has to register again after a job, and until when; an index for what the night looks through.

Revision: 0070_re_registration

The version before this one asks nobody to; whoever registers, signs again or is sent to a job through it is noted all
the same, by the trigger on the history of places.
"""

from alembic import op

revision = "0070_re_registration"
down_revision: str | None = "0065_search"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    _what_is_awaited()
    _what_meets_it()


def _what_is_awaited() -> None:
    op.execute(
        """
        ALTER TABLE dispatches
            ADD COLUMN re_register_by date,
            ADD COLUMN re_registration varchar(40),
            ADD CONSTRAINT ck_dispatches_re_registration CHECK (re_registration IN ('awaited', 'met', 'missed')),
            ADD CONSTRAINT ck_dispatches_re_register_by
                CHECK ((re_register_by IS NULL) = (re_registration IS NULL)),
            ADD CONSTRAINT ck_dispatches_re_register_ended CHECK (re_register_by IS NULL OR ended_on IS NOT NULL);
        CREATE INDEX ix_dispatches_re_registration ON dispatches (re_registration, id)
            WHERE re_registration IS NOT NULL;
        CREATE INDEX ix_dispatches_awaiting_re_registration ON dispatches (member_id)
            WHERE re_registration = 'awaited';
        CREATE INDEX ix_job_bids_pending ON job_bids (labor_request_id) WHERE status = 'pending';
        """
    )


def _what_meets_it() -> None:
    op.execute(
        """
        CREATE FUNCTION ip2a_re_registered() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE dispatches SET re_registration = 'met', updated_at = now()
            WHERE member_id = NEW.member_id AND re_registration = 'awaited';
            RETURN NULL;
        END $$;
        CREATE TRIGGER re_registered AFTER INSERT ON registration_activities
            FOR EACH ROW WHEN (NEW.action IN ('register', 're_sign', 'dispatch'))
            EXECUTE FUNCTION ip2a_re_registered();
        """
    )


def downgrade() -> None:
    raise NotImplementedError("steps only go forward; restore a backup to go back")
