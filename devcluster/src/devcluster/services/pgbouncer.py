"""PgBouncer set up as CloudNativePG's poolers are: any database, logins by auth_query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg import connect
from psycopg.rows import dict_row

from devcluster.services import process
from devcluster.services.certificates import ServerCertificate
from devcluster.services.postgres import SUPERUSER, Login
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

POOL_SIZE = 20
MAX_CLIENTS = 2000
_SYSTEM_USER = "pgbouncer"


class PgBouncer(Server):
    """A running pooler; logins are those of the PostgreSQL server behind it."""

    def __init__(self, program: Program, login: Login) -> None:
        super().__init__(program, login.endpoint)
        self.login = login

    def show(self, what: str) -> list[dict[str, object]]:
        """The rows of the admin console's `SHOW what`, such as pools, stats or config."""
        return self._console(f"SHOW {what}")

    def command(self, text: str) -> None:
        """Has the admin console do something, such as PAUSE, RECONNECT or `SET default_pool_size = 5`."""
        self._console(text)

    def _console(self, text: str) -> list[dict[str, object]]:
        dsn = self.login.dsn(SUPERUSER, "pgbouncer")
        with connect(dsn, autocommit=True, row_factory=dict_row) as console:
            cursor = console.execute(text.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def pgbouncer(
    upstream: Login,
    *,
    pool_size: int = POOL_SIZE,
    max_clients: int = MAX_CLIENTS,
    parameters: Mapping[str, str] | None = None,
    certificate: ServerCertificate | None = None,
    endpoint: Endpoint | None = None,
) -> Iterator[PgBouncer]:
    """A pooler in transaction mode before `upstream`, with `parameters` of pgbouncer.ini over our defaults.

    `pool_size` is server connections per user and database; `endpoint` a loopback address, by default a free port.
    TLS to the upstream is as the upstream's login says; with a certificate, TLS is required of clients too.
    Raises DevclusterError.
    """
    root = process.root_file_system()
    endpoint = endpoint or Endpoint(HOST, process.free_port())
    settings = {"default_pool_size": str(pool_size), "max_client_conn": str(max_clients), **(parameters or {})}
    with process.home_directory("pgbouncer") as home:
        login = Login(endpoint, upstream.credentials, home / "ca.crt" if certificate else None)
        files = _files(upstream, certificate) | {"pgbouncer.ini": configuration(upstream, login, settings)}
        for name, text in files.items():
            process.write(home / name, text, root, _SYSTEM_USER)
        arguments = ("pgbouncer", f"{HOME}/pgbouncer.ini")
        program = Program("pgbouncer", root, _SYSTEM_USER, home, arguments, ready=("process up: PgBouncer",))
        server = PgBouncer(program, login)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _files(upstream: Login, certificate: ServerCertificate | None) -> dict[str, str]:
    files = {"users.txt": f'"{SUPERUSER}" "{upstream.credentials.password(SUPERUSER)}"\n'}
    if upstream.authority:
        files |= {"server-ca.crt": upstream.authority.read_text()}
    if certificate:
        files |= {"ca.crt": certificate.authority, "tls.crt": certificate.certificate, "tls.key": certificate.key}
    return files


def configuration(upstream: Login, login: Login, parameters: Mapping[str, str]) -> str:
    """The text of pgbouncer.ini."""
    settings = {
        "pool_mode": "transaction",
        "max_prepared_statements": "100",
        "ignore_startup_parameters": "extra_float_digits,options",
        "server_login_retry": "1",
        **parameters,
        "listen_addr": login.endpoint.host,
        "listen_port": str(login.endpoint.port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": f"{HOME}/users.txt",
        "auth_user": SUPERUSER,
        "auth_dbname": "postgres",
        "auth_query": "SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1",
        "admin_users": SUPERUSER,
        "server_tls_sslmode": "verify-full" if upstream.authority else "disable",
    }
    if upstream.authority:
        settings |= {"server_tls_ca_file": f"{HOME}/server-ca.crt"}
    if login.authority:
        settings |= {"client_tls_sslmode": "require"}
        settings |= {"client_tls_cert_file": f"{HOME}/tls.crt", "client_tls_key_file": f"{HOME}/tls.key"}
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    database = f"* = host={upstream.endpoint.host} port={upstream.endpoint.port}"
    return f"[databases]\n{database}\n\n[pgbouncer]\n{lines}"
