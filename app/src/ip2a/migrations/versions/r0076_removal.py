"""Records that are deleted and may be restored: out of every list, their history stays. With a member, their account
ends, and comes back.

Revision: 0076_removal
"""

from alembic import op

revision = "0076_removal"
down_revision: str | None = "0075_teaching"
branch_labels: str | None = None
depends_on: str | None = None

TABLES = (
    "members",
    "organizations",
    "organization_contacts",
    "students",
    "grievances",
    "benevolence_applications",
    "salting_activities",
    "grants",
    "member_notes",
    "cohorts",
    "locations",
    "instructors",
)


def upgrade() -> None:
    for table in TABLES:
        op.execute(
            f"""
            ALTER TABLE {table} ADD COLUMN deleted_at timestamptz;
            CREATE INDEX ix_{table}_deleted ON {table} (id) WHERE deleted_at IS NOT NULL;
            """
        )
    # One primary contact, not counting who is deleted.
    op.execute(
        """
        DROP INDEX uq_organization_contacts_primary;
        CREATE UNIQUE INDEX uq_organization_contacts_primary ON organization_contacts (organization_id)
            WHERE is_primary AND deleted_at IS NULL;
        """
    )
    _accounts()


def downgrade() -> None:
    raise NotImplementedError("steps only go forward; restore a backup to go back")


def _accounts() -> None:
    """Who deletes a member may not see accounts: the database ends the member's, in the same transaction, and tells
    whose it was, so that the cache forgets them at once.
    """
    op.execute(
        """
        ALTER TABLE users ADD COLUMN ended_with_member boolean NOT NULL DEFAULT false,
            ADD CONSTRAINT ck_users_ended CHECK (NOT (is_active AND ended_with_member));
        CREATE FUNCTION ip2a_account_follows_member() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
        DECLARE
            resources text := coalesce(current_setting('ip2a.resources', true), '');
        BEGIN
            PERFORM set_config('ip2a.resources', 'users', true);
            IF NEW.deleted_at IS NOT NULL THEN
                UPDATE users SET is_active = false, ended_with_member = true, token_epoch = token_epoch + 1,
                    updated_at = now() WHERE member_id = NEW.id AND is_active;
                UPDATE refresh_tokens SET revoked_at = now() WHERE revoked_at IS NULL
                    AND user_id IN (SELECT id FROM users WHERE member_id = NEW.id);
            ELSE
                UPDATE users SET is_active = true, ended_with_member = false, updated_at = now()
                WHERE member_id = NEW.id AND ended_with_member;
            END IF;
            PERFORM set_config('ip2a.resources', resources, true);
            RETURN NULL;
        END $$;
        CREATE TRIGGER account AFTER UPDATE OF deleted_at ON members FOR EACH ROW
            WHEN (NEW.deleted_at IS DISTINCT FROM OLD.deleted_at) EXECUTE FUNCTION ip2a_account_follows_member();
        CREATE FUNCTION ip2a_account_of_member(member integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
        DECLARE
            resources text := coalesce(current_setting('ip2a.resources', true), '');
            account integer;
        BEGIN
            PERFORM set_config('ip2a.resources', 'users', true);
            SELECT id INTO account FROM users WHERE member_id = member;
            PERFORM set_config('ip2a.resources', resources, true);
            RETURN account;
        END $$;
        REVOKE EXECUTE ON FUNCTION ip2a_account_follows_member() FROM PUBLIC;
        REVOKE EXECUTE ON FUNCTION ip2a_account_of_member(integer) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION ip2a_account_of_member(integer) TO ip2a_app;
        """
    )
