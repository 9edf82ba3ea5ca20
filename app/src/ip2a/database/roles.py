"""What the logins beside the application's may do. Applied after every migration, because these roles are made by
whoever runs the database (the operator), perhaps later than the schema; running `ip2a-app migrate` again is enough.

| role | may |
|---|---|
| `ip2a_owner` | owns the schema; migrations only |
| `ip2a_app` | what requests need; adds to the queue, and cannot read what others added |
| `ip2a_worker` | the same, except accounts and their roles, which it only reads; works on the queue |
| `ip2a_audit_reader` | reads the audit trail and nothing else |
"""

from sqlalchemy import Connection, text

from ip2a.migrations.versions.r0030_worker import SHOWN

APPLICATION_ROLE = "ip2a_app"
WORKER_ROLE = "ip2a_worker"
AUDIT_READER_ROLE = "ip2a_audit_reader"
ONLY_READ_BY_WORKER = ["users", "user_roles"]
ONLY_OF_WORKER = {
    "TABLE documents": "DELETE",
    "TABLE reports": "UPDATE",
    "TABLE report_chunks": "INSERT, DELETE",
    "TABLE audit_exports": "SELECT, INSERT",
    "FUNCTION ip2a_drop_audit_month(date)": "EXECUTE",
}
"""What no request does."""

_MIRROR = """
    SELECT format('GRANT %s ON TABLE %s TO ip2a_worker', string_agg(a.privilege_type, ', '), c.oid::regclass)
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        AND a.grantee = 'ip2a_app'::regrole
        AND (a.privilege_type = 'SELECT' OR c.relname <> ALL (:only_read))
    GROUP BY c.oid
    UNION ALL
    SELECT format('GRANT EXECUTE ON FUNCTION %s TO ip2a_worker', p.oid::regprocedure)
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a
    WHERE p.pronamespace = 'public'::regnamespace AND a.grantee = 'ip2a_app'::regrole
    UNION ALL
    SELECT 'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ip2a_worker'
    UNION ALL
    SELECT 'GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO ip2a_worker'
"""


def grant_roles(connection: Connection) -> None:
    """Grant what is due, as the schema's owner; repeating it changes nothing.

    Without `ip2a_worker` the application's login does the worker's work; with it, it no longer can.
    """
    worker = _exists(connection, WORKER_ROLE)
    if worker:
        for (statement,) in connection.execute(text(_MIRROR), {"only_read": ONLY_READ_BY_WORKER}).all():
            connection.execute(text(statement))
        connection.execute(text("REVOKE SELECT, UPDATE, DELETE ON jobs FROM ip2a_app"))
        connection.execute(text(f"GRANT SELECT ({SHOWN}) ON jobs TO ip2a_app"))
    else:
        connection.execute(text("GRANT SELECT, UPDATE, DELETE ON jobs TO ip2a_app"))
    for what, rights in ONLY_OF_WORKER.items():
        connection.execute(text(f"GRANT {rights} ON {what} TO {WORKER_ROLE if worker else APPLICATION_ROLE}"))
        if worker:
            connection.execute(text(f"REVOKE {rights} ON {what} FROM {APPLICATION_ROLE}"))
    if _exists(connection, AUDIT_READER_ROLE):
        connection.execute(text("GRANT SELECT ON audit_logs TO ip2a_audit_reader"))
        known = connection.scalar(text("SELECT 1 FROM pg_policies WHERE policyname = 'audit_reader'"))
        if known is None:
            connection.execute(
                text("CREATE POLICY audit_reader ON audit_logs FOR SELECT TO ip2a_audit_reader USING (true)")
            )


def _exists(connection: Connection, role: str) -> bool:
    return connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": role}) is not None
