"""Places only for members in good standing, dispatches that are taken back, and which deadline a reminder was for.

Revision: 0077_standing

Who is not active any more (or is deleted) loses every place in the same transaction, whatever changed the member; no
code can give one a place, or a job. The version before this one knows no dispatch that is `withdrawn`, and makes none.
"""

from alembic import op

revision = "0077_standing"
down_revision: str | None = "0076_removal"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    _withdrawals()
    _reminders()
    _standing()
    _places_follow_members()
    _jobs_need_standing()
    _places_of_today()


def downgrade() -> None:
    raise NotImplementedError("steps only go forward; restore a backup to go back")


def _withdrawals() -> None:
    """A withdrawn dispatch counts for its request as little as one that was turned down."""
    op.execute(
        """
        ALTER TABLE dispatches DROP CONSTRAINT ck_dispatches_status;
        ALTER TABLE dispatches ADD CONSTRAINT ck_dispatches_status CHECK (status IN ('dispatched', 'checked_in',
            'working', 'completed', 'terminated', 'rejected', 'no_show', 'withdrawn'));
        CREATE OR REPLACE FUNCTION ip2a_count_dispatch() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            delta integer := (NEW.status NOT IN ('rejected', 'no_show', 'withdrawn'))::integer;
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                delta := delta - (OLD.status NOT IN ('rejected', 'no_show', 'withdrawn'))::integer;
            END IF;
            IF delta <> 0 THEN
                UPDATE labor_requests SET workers_dispatched = workers_dispatched + delta, updated_at = now(),
                    status = CASE WHEN status IN ('cancelled', 'expired') THEN status
                                  WHEN workers_dispatched + delta >= workers_requested THEN 'filled'
                                  WHEN workers_dispatched + delta = 0 THEN 'open' ELSE 'partially_filled' END
                WHERE id = NEW.labor_request_id;
            END IF;
            RETURN NULL;
        END $$;
        """
    )


def _reminders() -> None:
    op.execute("ALTER TABLE book_registrations ADD COLUMN re_sign_reminded_for timestamptz")


def _standing() -> None:
    """The member's row is locked first: who asks and who changes the member follow each other."""
    op.execute(
        """
        CREATE FUNCTION ip2a_may_wait(member integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
        DECLARE
            resources text := coalesce(current_setting('ip2a.resources', true), '');
            may boolean;
        BEGIN
            PERFORM set_config('ip2a.resources', 'members', true);
            SELECT status = 'active' AND deleted_at IS NULL INTO may FROM members WHERE id = member FOR SHARE;
            PERFORM set_config('ip2a.resources', resources, true);
            RETURN may;
        END $$;
        CREATE FUNCTION ip2a_check_standing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
        BEGIN
            IF NOT ip2a_may_wait(NEW.member_id) THEN
                RAISE EXCEPTION 'member % is not active and waits on no book', NEW.member_id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_book_registrations_standing',
                        TABLE = 'book_registrations';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER standing BEFORE INSERT ON book_registrations FOR EACH ROW
            WHEN (NEW.status IN ('registered', 'exempt')) EXECUTE FUNCTION ip2a_check_standing();
        CREATE TRIGGER standing_again BEFORE UPDATE OF status ON book_registrations FOR EACH ROW
            WHEN (NEW.status IN ('registered', 'exempt') AND OLD.status NOT IN ('registered', 'exempt'))
            EXECUTE FUNCTION ip2a_check_standing();
        REVOKE EXECUTE ON FUNCTION ip2a_may_wait(integer), ip2a_check_standing() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION ip2a_may_wait(integer) TO ip2a_app;
        """
    )


def _places_follow_members() -> None:
    """Who changes a member may have nothing to do with books: the database takes the places away, in their name."""
    op.execute(
        """
        CREATE FUNCTION ip2a_places_follow_member() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
        DECLARE
            resources text := coalesce(current_setting('ip2a.resources', true), '');
        BEGIN
            PERFORM set_config('ip2a.resources', 'referrals', true);
            WITH lost AS (
                UPDATE book_registrations SET status = 'rolled_off', roll_off_reason = 'manual', exempt_reason = NULL,
                    exempt_until = NULL, updated_at = now()
                WHERE member_id = NEW.id AND status IN ('registered', 'exempt') RETURNING id, member_id)
            INSERT INTO registration_activities (registration_id, member_id, action, reason, performed_by_id)
            SELECT id, member_id, 'roll_off', 'not_active', ip2a_user_id() FROM lost;
            PERFORM set_config('ip2a.resources', resources, true);
            RETURN NULL;
        END $$;
        CREATE TRIGGER places AFTER UPDATE OF status, deleted_at ON members FOR EACH ROW
            WHEN (OLD.status = 'active' AND OLD.deleted_at IS NULL
                AND (NEW.status <> 'active' OR NEW.deleted_at IS NOT NULL))
            EXECUTE FUNCTION ip2a_places_follow_member();
        REVOKE EXECUTE ON FUNCTION ip2a_places_follow_member() FROM PUBLIC;
        """
    )


def _jobs_need_standing() -> None:
    """Without a lock on the member: a place that is being dispatched is locked, and losing it waits for that."""
    op.execute(
        """
        CREATE FUNCTION ip2a_check_dispatched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
        DECLARE
            resources text := coalesce(current_setting('ip2a.resources', true), '');
        BEGIN
            PERFORM set_config('ip2a.resources', 'members', true);
            PERFORM FROM members WHERE id = NEW.member_id AND (status <> 'active' OR deleted_at IS NOT NULL);
            IF FOUND THEN
                RAISE EXCEPTION 'member % is not active and is sent to no job', NEW.member_id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_dispatches_standing', TABLE = 'dispatches';
            END IF;
            PERFORM set_config('ip2a.resources', resources, true);
            RETURN NEW;
        END $$;
        CREATE TRIGGER standing BEFORE INSERT ON dispatches FOR EACH ROW WHEN (NEW.status = 'dispatched')
            EXECUTE FUNCTION ip2a_check_dispatched();
        REVOKE EXECUTE ON FUNCTION ip2a_check_dispatched() FROM PUBLIC;
        """
    )


def _places_of_today() -> None:
    """Places of members who are not active, from before there was a guard."""
    op.execute(
        """
        DO $$ BEGIN
            PERFORM set_config('ip2a.resources', '*', true);
            WITH lost AS (
                UPDATE book_registrations r SET status = 'rolled_off', roll_off_reason = 'manual', exempt_reason = NULL,
                    exempt_until = NULL, updated_at = now()
                FROM members m WHERE m.id = r.member_id AND (m.status <> 'active' OR m.deleted_at IS NOT NULL)
                    AND r.status IN ('registered', 'exempt') RETURNING r.id, r.member_id)
            INSERT INTO registration_activities (registration_id, member_id, action, reason)
            SELECT id, member_id, 'roll_off', 'not_active' FROM lost;
            PERFORM set_config('ip2a.resources', '', true);
        END $$;
        """
    )
