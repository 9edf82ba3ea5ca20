"""What migrations of domain packages share: the audit trigger and the row-level security of a table.

Frozen like the steps that use it: a change of behaviour is a new function.
"""

from alembic import op


def audit(table: str, *, quiet: str = "") -> None:
    """Write every change of the table to the audit trail, in the same transaction.

    A change of `quiet` columns (comma-separated) alone is not recorded.
    """
    op.execute(
        f"""
        CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION ip2a_audit('updated_at,version,{quiet}')
        """
    )


def protect(table: str, resource: str, *, own: str = "", own_writes: bool = False) -> None:
    """Force row-level security: `resource` opens every row; `own` (a condition) the caller's own ones, for
    reading, and with `own_writes` for writing too.
    """
    op.execute(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY permitted ON {table} USING ((SELECT ip2a_may('{resource}')));
        """
    )
    if own:
        op.execute(f"CREATE POLICY own ON {table} {'' if own_writes else 'FOR SELECT'} USING ({own})")


OWN_MEMBER = "member_id = (SELECT ip2a_member_id())"
OWN_USER = "user_id = (SELECT ip2a_user_id())"
