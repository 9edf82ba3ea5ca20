"""What migrations of domain packages share: the audit trigger, the row-level security and the grants of a table.

Frozen like the steps that use it: a change of behaviour is a new function.
"""

from collections.abc import Sequence

from alembic import op

OWN_MEMBER = "member_id = (SELECT ip2a_member_id())"
OWN_USER = "user_id = (SELECT ip2a_user_id())"


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


def protect(table: str, resource: str, *, own: str = "", own_may: Sequence[str] = ("SELECT",)) -> None:
    """Force row-level security: `resource` opens every row; `own` (a condition) the caller's own ones, for the
    commands in `own_may`.
    """
    op.execute(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY permitted ON {table} USING ((SELECT ip2a_may('{resource}')));
        """
    )
    for command in own_may if own else ():
        clause = "WITH CHECK" if command == "INSERT" else "USING"
        op.execute(f"CREATE POLICY own_{command.lower()} ON {table} FOR {command} {clause} ({own})")


def grant(table: str, commands: str) -> None:
    """Let the application run these commands on the table."""
    op.execute(f"GRANT {commands} ON {table} TO ip2a_app")
