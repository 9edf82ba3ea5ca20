"""The stage: real services, a database full of members with logins, and servers on a core of their own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
from redis import Redis as RedisClient

from devcluster.services import PgBouncer, Postgres, Redis, Server, pgbouncer, postgres, process, redis
from devcluster.services.process import HOST, SECOND_HOST, Endpoint
from ip2a.members.schemas import ProfileResponse
from ip2a.security.passwords import PasswordHasher
from ip2a.security.tokens import TokenKeys, issue_access_token

ROOT = Path(__file__).resolve().parents[2]
SERVER_CORE, GENERATOR_CORE = "0", "1"
MEMBERS = 18_000  # fewer than a process remembers the credentials of
SHARED_BUFFERS = "1GB"  # tables of a million members fit, as the operator sizes it by the memory of the database
POOL_SIZE = 20  # server connections of each pooler
MONTHS, JOBS = 31, 43  # dues and employments of a member of the local
PASSWORD = "bench password 46"  # noqa: S105 (of made-up people)
DATABASE = "bench"
DUE_CENTS = 1_000_000
READY_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stage:
    """What a measurement needs."""

    servers: Postgres
    pooler: PgBouncer
    read_pooler: PgBouncer
    redis: Redis
    environment: dict[str, str]
    tokens: list[str]

    def pids(self) -> dict[str, int]:
        """The processes of the services."""
        named: dict[str, Server] = {
            "PostgreSQL primary": self.servers.primary,
            "PostgreSQL replica": self.servers.replicas[0],
            "PgBouncer rw": self.pooler,
            "PgBouncer ro": self.read_pooler,
            "Redis": self.redis,
        }
        return {name: server.pid for name, server in named.items()}

    def forget(self, pattern: str) -> None:
        """Drop cached keys, so that the next reads miss."""
        with RedisClient.from_url(self.redis.url) as client:
            for batch in _batches(client, pattern):
                client.unlink(*batch)

    def fill_baseline_cache(self) -> None:
        """What a pass over all identities would leave there; the pass would take minutes."""
        with self.servers.primary.connect(DATABASE) as connection:
            rows = connection.execute("SELECT id, row_to_json(members)::text FROM members").fetchall()
        with RedisClient.from_url(self.redis.url, db=1) as client, client.pipeline(transaction=False) as pipe:
            for number, row in rows:
                profile = ProfileResponse.model_validate_json(str(row)).model_dump_json()
                pipe.setex(f"naive:profile:{number}", 86_400, profile)
                pipe.setex(f"naive:epoch:{number}", 86_400, "1")
            pipe.execute()


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and all its children, those that ended included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + sum(cpu_of(int(child)) for child in children)


def _batches(client: RedisClient, pattern: str) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for key in client.scan_iter(pattern, count=1000):
        batch.append(key)
        if len(batch) == 1000:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def stage(*, people: int = MEMBERS, history: bool = False, tokens: int | None = None) -> Iterator[Stage]:
    """Services up, schema migrated, members made; all gone afterwards. So many tokens, of members all over the tables,
    or of everybody.

    With `history`, members have as many dues and jobs as the local's have, and the services run on every core; without,
    they run beside the generator, so that a server under measurement has its core for itself.
    """
    if not history:
        os.sched_setaffinity(0, {int(GENERATOR_CORE)})
    with ExitStack() as stack:
        servers = stack.enter_context(postgres(replicas=1, parameters={"shared_buffers": SHARED_BUFFERS}))
        port = process.free_port()
        rw, ro = (
            stack.enter_context(pgbouncer(server.login, endpoint=Endpoint(host, port), pool_size=POOL_SIZE))
            for server, host in ((servers.primary, HOST), (servers.replicas[0], SECOND_HOST))
        )
        cache = stack.enter_context(redis(parameters={"maxmemory": "512mb", "maxmemory-policy": "volatile-lru"}))
        environment = _environment(servers, rw, ro, cache)
        _migrate(servers, environment)
        _fill(servers, people)
        if history:
            _fill_history(servers, people)
        servers.wait_replicated()
        keys = TokenKeys(environment["IP2A_JWT_KEY"].encode())
        now = datetime.now(UTC)
        issued = [
            issue_access_token(
                keys, user_id=n, member_id=n, roles=("member",), epoch=1, session_id=str(UUID(int=n)), now=now
            )
            for n in range(1, people + 1, people // (tokens or people))
        ]
        yield Stage(servers, rw, ro, cache, environment, issued)


def _environment(servers: Postgres, rw: PgBouncer, ro: PgBouncer, cache: Redis) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": os.pathsep.join((str(ROOT / "app" / "src"), str(ROOT))),
        "IP2A_ENVIRONMENT": "development",
        "IP2A_PUBLIC_URL": "http://localhost",
        "IP2A_TRUSTED_PROXIES": "127.0.0.0/8",
        "IP2A_DB_WRITE_HOST": rw.endpoint.host,
        "IP2A_DB_READ_HOST": ro.endpoint.host,
        "IP2A_DB_PORT": str(rw.endpoint.port),
        "IP2A_DB_NAME": DATABASE,
        "IP2A_DB_USER": "ip2a_app",
        "IP2A_DB_PASSWORD": servers.primary.login.credentials.password("ip2a_app"),
        "IP2A_DB_SSLMODE": "disable",
        "IP2A_REDIS_HOST": cache.endpoint.host,
        "IP2A_REDIS_PORT": str(cache.endpoint.port),
        "IP2A_REDIS_PASSWORD": cache.password,
        "IP2A_JWT_KEY": secrets.token_hex(32),
        "IP2A_COOKIE_KEY": secrets.token_hex(32),
        "BENCH_DB_USER": "ip2a_app",
    }


def _migrate(servers: Postgres, environment: dict[str, str]) -> None:
    servers.primary.create_database(DATABASE)
    login = servers.primary.login.parameters("ip2a_owner", DATABASE)
    owner = {
        **environment,
        "IP2A_DB_WRITE_HOST": str(login["host"]),
        "IP2A_DB_PORT": str(login["port"]),
        "IP2A_DB_USER": "ip2a_owner",
        "IP2A_DB_PASSWORD": str(login["password"]),
    }
    subprocess.run([sys.executable, "-m", "ip2a", "migrate"], env=owner, check=True, capture_output=True)


def _fill(servers: Postgres, people: int) -> None:
    hasher = PasswordHasher()
    password_hash = hasher.hash_now(PASSWORD)
    hasher.close()
    with servers.primary.connect(DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")  # past the audit triggers
        connection.execute(
            "INSERT INTO members (id, member_number, first_name, last_name, address, city, state, zip_code,"
            " phone, email, hire_date, status, classification)"
            " SELECT n, 'B' || n, 'Bench', 'Member ' || n, n || ' Cedar St', 'Kent', 'WA', '98032',"
            " '(206) 555-0100', n || '@bench.example', '2020-01-01', 'active', 'journeyman'"
            " FROM generate_series(1, %s) n",
            (people,),
        )
        connection.execute(
            "INSERT INTO users (id, email, password_hash, first_name, last_name, member_id)"
            " SELECT n, n || '@bench.example', %s, 'Bench', 'Member', n FROM generate_series(1, %s) n",
            (password_hash, people),
        )
        connection.execute(
            "INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE r.name = 'member'"
        )
        connection.execute(
            "INSERT INTO dues_periods (id, period_year, period_month, due_date, grace_period_end)"
            " VALUES (1, 2026, 1, '2026-01-01', '2026-01-15')"
        )
        connection.execute(
            "INSERT INTO dues_payments (id, member_id, period_id, amount_due_cents, status)"
            " SELECT n, n, 1, %s, 'due' FROM generate_series(1, %s) n",
            (DUE_CENTS, people),
        )
        # The baseline knows nothing of row-level security: it connects as a role that is not subject to it.
        connection.execute("CREATE ROLE bench_naive LOGIN BYPASSRLS IN ROLE ip2a_app PASSWORD 'bench'")
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _fill_history(servers: Postgres, people: int) -> None:
    """Dues and jobs of years, past the audit triggers."""
    with servers.primary.connect(DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO dues_periods (id, period_year, period_month, due_date, grace_period_end)"
            " SELECT 1 + n, extract(year FROM day), extract(month FROM day), day, day + 14"
            " FROM (SELECT n, ('2026-01-01'::date - make_interval(months => n))::date AS day"
            " FROM generate_series(1, %s) n) AS months",
            (MONTHS - 1,),
        )
        connection.execute(
            "INSERT INTO dues_payments (id, member_id, period_id, amount_due_cents, amount_paid_cents, status)"
            " SELECT m + n * %s, m, 1 + n, 7500, 7500, 'paid'"
            " FROM generate_series(1, %s) m, generate_series(1, %s) n",
            (people, people, MONTHS - 1),
        )
        connection.execute(
            "INSERT INTO organizations (id, name, org_type)"
            " SELECT n, 'Employer ' || n, 'employer' FROM generate_series(1, 500) n"
        )
        connection.execute(
            "INSERT INTO member_employments (member_id, organization_id, start_date, end_date, job_title)"
            " SELECT m, 1 + (m * 7 + n * 13) %% 500, '2025-12-01'::date - n * 90, '2025-12-01'::date - n * 90 + 80,"
            " 'Wireman' FROM generate_series(1, %s) m, generate_series(1, %s) n",
            (people, JOBS),
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


class Application:
    """A running server process; `limited` ones refuse identities that ask more often than members may."""

    def __init__(
        self, port: int, program: subprocess.Popen[bytes], ops_port: int = 0, *, limited: bool = False
    ) -> None:
        self.port = port
        self.ops_port = ops_port
        self.limited = limited
        self._program = program

    @property
    def pid(self) -> int:
        """The process id."""
        return self._program.pid

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self._program.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def ours(environment: dict[str, str], *, pinned: bool = True) -> Iterator[Application]:
    """The platform as the image runs it, pinned to SERVER_CORE."""
    port, ops = process.free_port(), process.free_port()
    arguments = ["-m", "ip2a", "serve", "--host", HOST, "--port", str(port), "--ops-port", str(ops)]
    with _running([*arguments, "--drain-delay", "0"], environment, "/readyz", pinned=pinned, ports=(port, ops)) as made:
        made.limited = True
        yield made


@contextmanager
def served(module: str, environment: dict[str, str], ready: str = "/", *, pinned: bool = True) -> Iterator[Application]:
    """Any ASGI application on the same server with the same options."""
    port = process.free_port()
    arguments = ["-m", "uvicorn", module, "--host", HOST, "--port", str(port), "--timeout-keep-alive", "120"]
    arguments += ["--no-access-log", "--log-level", "warning", "--backlog", "4096"]
    with _running(arguments, environment, ready, pinned=pinned, ports=(port, 0)) as made:
        yield made


@contextmanager
def layer(name: str, environment: dict[str, str], ready: str = "/livez") -> Iterator[Application]:
    """A part of the platform (`bench.app.layers`), pinned to SERVER_CORE."""
    port = process.free_port()
    environment = {**environment, "BENCH_LAYER": name, "BENCH_PORT": str(port)}
    with _running(["-m", "bench.app.layers"], environment, ready, pinned=True, ports=(port, 0)) as made:
        made.limited = True
        yield made


@contextmanager
def _running(
    arguments: list[str], environment: dict[str, str], ready: str, *, pinned: bool, ports: tuple[int, int]
) -> Iterator[Application]:
    port, ops = ports
    where = ["taskset", "-c", SERVER_CORE] if pinned else []
    with subprocess.Popen(
        [*where, sys.executable, *arguments], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL
    ) as program:
        try:
            _wait_ready(f"http://{HOST}:{port}{ready}")
            yield Application(port, program, ops)
        finally:
            program.terminate()
            try:
                program.wait(timeout=30)
            except subprocess.TimeoutExpired:  # the baseline, after ten thousand people
                program.kill()


def _wait_ready(url: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            if httpx.get(url, timeout=1, trust_env=False).status_code < 500:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"{url} is not ready")
        time.sleep(0.1)
