"""PostgreSQL 17, a primary and streaming replicas, with the roles and the database of the product's contract.

A data directory is initialised once and cached; every instance, replicas too, starts from a copy of it. A copy
of a cleanly stopped primary is what a base backup of it would be, so replicas need none.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Connection, connect, sql
from psycopg.conninfo import make_conninfo

from devcluster import cache, rootfs
from devcluster.services import process
from devcluster.services.certificates import ServerCertificate
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

DATABASE = "ip2a"
SUPERUSER = "postgres"
OWNER = "ip2a_owner"
APPLICATION = "ip2a_app"
WORKER = "ip2a_worker"
AUDIT_READER = "ip2a_audit_reader"
REPLICATION = "streaming_replica"
STATEMENT_TIMEOUTS = {APPLICATION: "15s", WORKER: "60s", AUDIT_READER: "30s"}

CONNECT_SECONDS = 5
REPLAY_SECONDS = 30.0
INITDB_SECONDS = 120
COPY_SECONDS = 120

_BINARIES = "/usr/lib/postgresql/17/bin"
_SYSTEM_USER = "postgres"

_INITDB = (
    f"{_BINARIES}/initdb",
    f"--pgdata={HOME}/data",
    f"--username={SUPERUSER}",
    f"--pwfile={HOME}/password",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",  # what CloudNativePG's initdb does unless told otherwise
    "--no-sync",
)

# Durable against a killed process, not against a lost machine: tests need the former only.
_DEFAULTS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "max_replication_slots": "10",
    "max_wal_senders": "10",
    "shared_buffers": "64MB",
    "wal_keep_size": "512MB",
    "wal_retrieve_retry_interval": "250ms",  # a replica finds its restarted primary at once
    "wal_level": "replica",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO",
}


@dataclass(frozen=True)
class Credentials:
    """The passwords of every role, from one random token of the template."""

    token: str

    def password(self, user: str) -> str:
        """The password of a role."""
        return f"{user}-{self.token}"


@dataclass(frozen=True)
class Login:
    """All that decides a connection except who asks and for which database."""

    endpoint: Endpoint
    credentials: Credentials
    authority: Path | None
    """The authority to verify the server by; without one, no TLS."""

    def parameters(self, user: str, database: str) -> dict[str, str | int]:
        """libpq connection parameters."""
        given: dict[str, str | int] = {
            "host": self.endpoint.host,
            "port": self.endpoint.port,
            "user": user,
            "password": self.credentials.password(user),
            "dbname": database,
            "connect_timeout": CONNECT_SECONDS,
        }
        if self.authority is None:
            return {**given, "sslmode": "disable"}
        return {**given, "sslmode": "verify-full", "sslrootcert": str(self.authority)}

    def dsn(self, user: str, database: str = DATABASE) -> str:
        """A connection string for libpq and psycopg; holds the password."""
        return make_conninfo("", **self.parameters(user, database))


class PostgresServer(Server):
    """One instance, primary or replica."""

    def __init__(self, program: Program, login: Login) -> None:
        super().__init__(program, login.endpoint)
        self.login = login

    def connect(self, database: str = "postgres") -> Connection:
        """A superuser's connection in autocommit mode."""
        return connect(self.login.dsn(SUPERUSER, database), autocommit=True)

    def pause_replay(self) -> None:
        """Holds a replica at what it has applied so far; it goes on receiving."""
        with self.connect() as connection:
            connection.execute("SELECT pg_wal_replay_pause()")

    def resume_replay(self) -> None:
        """Undoes `pause_replay`."""
        with self.connect() as connection:
            connection.execute("SELECT pg_wal_replay_resume()")

    def position(self) -> str:
        """A primary's current write-ahead log position, such as 0/3000148."""
        return self._value("SELECT pg_current_wal_lsn()::text")

    def wait_replayed(self, position: str, seconds: float = REPLAY_SECONDS) -> None:
        """Returns once a replica has applied the log up to `position`. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        with self.connect() as connection:
            while True:
                row = connection.execute(query, [position]).fetchone()
                if row is not None and row[0]:
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.program.name} did not apply {position} within {seconds} s")
                time.sleep(0.01)  # PostgreSQL 17 has no way to be told

    def create_database(self, name: str, template: str = "template0", owner: str = OWNER) -> None:
        """A new database, a copy of `template` (on which nobody may be connected)."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        with self.connect() as connection:
            connection.execute(statement.format(*map(sql.Identifier, (name, template, owner))))

    def drop_database(self, name: str) -> None:
        """Drops a database, ending what is connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _value(self, query: str) -> str:
        with self.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        return str(row[0])


@dataclass(frozen=True)
class _Setup:
    """What the instances of one `postgres()` have in common."""

    template: Path
    credentials: Credentials
    parameters: Mapping[str, str] = field(default_factory=dict)
    certificate: ServerCertificate | None = None


@dataclass(frozen=True)
class Postgres:
    """A primary and its replicas, in the order they were started."""

    primary: PostgresServer
    replicas: tuple[PostgresServer, ...]

    def wait_replicated(self) -> None:
        """Returns once every replica has applied all that the primary has written. Raises TimeoutError."""
        position = self.primary.position()
        for replica in self.replicas:
            replica.wait_replayed(position)


@contextmanager
def postgres(
    *,
    replicas: int = 0,
    parameters: Mapping[str, str] | None = None,
    certificate: ServerCertificate | None = None,
) -> Iterator[Postgres]:
    """A primary with `replicas` streaming replicas, all with postgresql.conf `parameters` over our defaults.

    With a certificate every connection must use TLS. Raises DevclusterError.
    """
    template = _template()
    credentials = Credentials((template / "token").read_text())
    setup = _Setup(template / "data", credentials, parameters or {}, certificate)
    with ExitStack() as stack:

        def server(name: str, upstream: Endpoint | None) -> PostgresServer:
            home = stack.enter_context(process.home_directory(name))
            _copy(setup.template, home / "data")
            made = _server(name, home, setup, upstream)
            stack.callback(made.kill)
            made.start()
            return made

        primary = server("primary", None)
        names = [f"replica-{number}" for number in range(1, replicas + 1)]
        yield Postgres(primary, tuple(server(name, primary.endpoint) for name in names))


def configuration(endpoint: Endpoint, parameters: Mapping[str, str], *, tls: bool, primary_conninfo: str | None) -> str:
    """The text of postgresql.conf."""
    own = {"listen_addresses": endpoint.host, "port": str(endpoint.port), "unix_socket_directories": HOME}
    if tls:
        own |= {"ssl": "on", "ssl_cert_file": f"{HOME}/tls.crt", "ssl_key_file": f"{HOME}/tls.key"}
    if primary_conninfo:
        own |= {"primary_conninfo": primary_conninfo}
    lines = {**_DEFAULTS, **parameters, **own}
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in lines.items())


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _host_based_authentication(*, tls: bool) -> str:
    kind = "hostssl" if tls else "host"
    return f"{kind} all all {HOST}/32 scram-sha-256\n{kind} replication {REPLICATION} {HOST}/32 scram-sha-256\n"


def _server(name: str, home: Path, setup: _Setup, upstream: Endpoint | None = None) -> PostgresServer:
    """An instance, not yet started, on the data directory `home/data`; with an upstream, its replica."""
    root = process.root_file_system()
    authority = _install_certificate(home, setup.certificate, root) if setup.certificate else None
    endpoint = Endpoint(HOST, process.free_port())
    files = {
        "postgresql.conf": configuration(
            endpoint,
            setup.parameters,
            tls=authority is not None,
            primary_conninfo=_primary_conninfo(upstream, setup) if upstream else None,
        ),
        "pg_hba.conf": _host_based_authentication(tls=authority is not None),
    }
    if upstream:
        files["standby.signal"] = ""
    for file, text in files.items():
        process.write(home / "data" / file, text, root, _SYSTEM_USER)
    streaming = ("started streaming WAL from primary",) if upstream else ()
    program = Program(
        name=name,
        root=root,
        user=_SYSTEM_USER,
        home=home,
        arguments=(f"{_BINARIES}/postgres", "-D", f"{HOME}/data"),
        ready=(r"database system is ready to accept (read-only )?connections", *streaming),
        stop_signal=signal.SIGINT,
    )
    return PostgresServer(program, Login(endpoint, setup.credentials, authority))


def _install_certificate(home: Path, given: ServerCertificate, root: rootfs.RootFileSystem) -> Path:
    """Writes what the server shows; returns the authority that its clients trust."""
    for file, text in (("ca.crt", given.authority), ("tls.crt", given.certificate), ("tls.key", given.key)):
        process.write(home / file, text, root, _SYSTEM_USER)
    return home / "ca.crt"


def _primary_conninfo(upstream: Endpoint, setup: _Setup) -> str:
    authority = Path(HOME) / "ca.crt" if setup.certificate else None  # as the replica sees it
    given = Login(upstream, setup.credentials, authority).parameters(REPLICATION, "")
    return make_conninfo("", **{key: value for key, value in given.items() if key != "dbname"})


def _template() -> Path:
    """The cached entry with `data`, a cleanly stopped primary's directory, and `token`."""
    root = process.root_file_system()
    key = cache.digest(root.directory.parent.name, Path(__file__))
    return cache.entry("postgres-template", key, lambda into: _make_template(into, root))


def _make_template(into: Path, root: rootfs.RootFileSystem) -> None:
    credentials = Credentials(secrets.token_hex(16))
    (into / "token").touch(mode=0o600)
    (into / "token").write_text(credentials.token)
    with process.home_directory("template") as home:
        process.write(home / "password", credentials.password(SUPERUSER), root, _SYSTEM_USER)
        process.run(Program("initdb", root, _SYSTEM_USER, home, _INITDB, ready=()), timeout=INITDB_SECONDS)
        server = _server("template", home, _Setup(into, credentials))
        server.start()
        try:
            _make_roles(server)
            server.create_database(DATABASE)
        finally:
            server.stop()
        _copy(home / "data", into / "data")


def _make_roles(server: PostgresServer) -> None:
    rights = {user: sql.SQL("LOGIN") for user in (OWNER, APPLICATION, WORKER, AUDIT_READER)}
    rights[REPLICATION] = sql.SQL("LOGIN REPLICATION")
    with server.connect() as connection:
        for user, right in rights.items():
            password = server.login.credentials.password(user)
            statement = sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(sql.Identifier(user), right, password)
            connection.execute(statement)
        for user, timeout in STATEMENT_TIMEOUTS.items():
            setting = sql.SQL("ALTER ROLE {} SET statement_timeout = {}").format(sql.Identifier(user), timeout)
            connection.execute(setting)


def _copy(source: Path, target: Path) -> None:
    """Copies a tree with owners and modes, sharing blocks where the file system can."""
    copy = ["cp", "-a", "--reflink=auto", str(source), str(target)]
    run = subprocess.run(copy, capture_output=True, text=True, check=False, timeout=COPY_SECONDS)
    if "No space left on device" in run.stderr:
        raise cache.disk_full(target.parent)
    run.check_returncode()
