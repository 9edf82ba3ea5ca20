"""The services themselves: they are what they say, can be broken on purpose, and leave nothing behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from devcluster import rootfs
from devcluster.errors import StepFailed
from devcluster.services import (
    PgBouncer,
    Postgres,
    PostgresServer,
    Redis,
    alertmanager,
    pgbouncer,
    postgres,
    prometheus,
    toxiproxy,
)
from devcluster.services import redis as redis_service
from devcluster.services.certificates import server_certificate

DEADLINE = 20.0


def eventually(check: Callable[[], bool]) -> None:
    """For what tells nobody when it changes (Prometheus' scrapes, Alertmanager's groups)."""
    end = time.monotonic() + DEADLINE
    while not check():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.05)


def get_json(url: str) -> object:
    return httpx.get(url, timeout=5, trust_env=False).raise_for_status().json()


def scalar(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


class TestPostgres:
    def test_is_seventeen_with_the_roles_of_the_contract(self, postgres_primary: PostgresServer) -> None:
        with psycopg.connect(postgres_primary.login.dsn("ip2a_app")) as connection:
            assert str(scalar(connection, "SHOW server_version")).startswith("17.")
            assert (
                scalar(connection, "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = 'ip2a_app'") is False
            )
            owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ip2a'"
            assert scalar(connection, owner) == "ip2a_owner"
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE public.mine (id int)")

    def test_refuses_a_wrong_password(self, postgres_primary: PostgresServer) -> None:
        given = postgres_primary.login.parameters("ip2a_app", "ip2a") | {"password": "wrong"}
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect("", **given)  # type: ignore[arg-type]  # the stub wants each keyword by name

    def test_replica_follows_and_can_be_held_back(self) -> None:
        with postgres(replicas=1) as servers, servers.primary.connect("ip2a") as primary:
            replica = servers.replicas[0]
            primary.execute("CREATE TABLE note (text text)")
            servers.wait_replicated()
            replica.pause_replay()
            primary.execute("INSERT INTO note VALUES ('new')")
            with replica.connect("ip2a") as reader:
                assert scalar(reader, "SELECT pg_is_in_recovery()") is True
                assert scalar(reader, "SELECT count(*) FROM note") == 0
                with pytest.raises(TimeoutError, match="replica-1 did not apply"):
                    replica.wait_replayed(servers.primary.position(), seconds=0.2)
                replica.resume_replay()
                servers.wait_replicated()
                assert scalar(reader, "SELECT count(*) FROM note") == 1
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    reader.execute("INSERT INTO note VALUES ('no')")

    def test_keeps_what_was_committed_when_killed(self) -> None:
        with postgres() as servers:
            primary = servers.primary
            with primary.connect("ip2a") as connection:
                connection.execute("CREATE TABLE note AS SELECT generate_series(1, 1000) AS id")
                primary.kill()
                assert not primary.running
                with pytest.raises(psycopg.OperationalError):
                    connection.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError, match="Connection refused"):
                primary.connect()
            primary.start()
            with primary.connect("ip2a") as connection:
                assert scalar(connection, "SELECT count(*) FROM note") == 1000

    def test_hangs_while_frozen_and_answers_when_thawed(self) -> None:
        with postgres() as servers, servers.primary.connect() as connection:
            asked = threading.Event()
            answered = threading.Event()

            def ask() -> None:
                asked.set()
                connection.execute("SELECT 1")
                answered.set()

            servers.primary.freeze()
            asking = threading.Thread(target=ask)
            asking.start()
            assert asked.wait(DEADLINE)
            assert not answered.wait(0.3), "a frozen server answered"
            servers.primary.thaw()
            assert answered.wait(DEADLINE)
            asking.join()

    def test_replica_survives_a_restart_of_its_primary(self) -> None:
        with postgres(replicas=1) as servers:
            servers.primary.restart()
            with servers.primary.connect("ip2a") as connection:
                connection.execute("CREATE TABLE after_restart (id int)")
            servers.wait_replicated()
            with servers.replicas[0].connect("ip2a") as reader:
                assert scalar(reader, "SELECT count(*) FROM after_restart") == 0

    def test_takes_parameters_and_says_which_one_is_wrong(self) -> None:
        with postgres(parameters={"work_mem": "7MB"}) as servers, servers.primary.connect() as connection:
            assert scalar(connection, "SHOW work_mem") == "7MB"
        with (
            pytest.raises(StepFailed, match=r'unrecognized configuration parameter "no_such"'),
            postgres(parameters={"no_such": "1"}),
        ):
            pass


class TestPgBouncer:
    def test_pools_transactions(self, postgres_primary: PostgresServer) -> None:
        with pgbouncer(postgres_primary.login, pool_size=1) as pooler:
            first = psycopg.connect(pooler.login.dsn("ip2a_app"))
            second = psycopg.connect(pooler.login.dsn("ip2a_app"))
            with first, second:
                backend = scalar(first, "SELECT pg_backend_pid()")
                first.commit()
                assert scalar(second, "SELECT pg_backend_pid()") == backend
                second.commit()
            version = str(pooler.show("version")[0]["version"])
            assert tuple(int(part) for part in version.removeprefix("PgBouncer ").split(".")[:2]) >= (1, 24)

    def test_pool_size_changes_while_it_runs(self, postgres_primary: PostgresServer) -> None:
        with pgbouncer(postgres_primary.login, pool_size=3) as pooler:
            config = {row["key"]: row["value"] for row in pooler.show("config")}
            assert config["default_pool_size"] == "3"
            assert config["pool_mode"] == "transaction"
            pooler.command("SET default_pool_size = 7")
            assert {row["key"]: row["value"] for row in pooler.show("config")}["default_pool_size"] == "7"

    def test_poolers_share_a_port_and_differ_in_what_they_reach(
        self, pgbouncer_rw: PgBouncer, pgbouncer_ro: PgBouncer
    ) -> None:
        assert pgbouncer_rw.endpoint.port == pgbouncer_ro.endpoint.port
        for pooler, recovering in ((pgbouncer_rw, False), (pgbouncer_ro, True)):
            with psycopg.connect(pooler.login.dsn("ip2a_app")) as connection:
                assert scalar(connection, "SELECT pg_is_in_recovery()") is recovering

    def test_tls_from_client_to_pooler_to_server(self) -> None:
        certificate = server_certificate()
        with (
            postgres(replicas=1, certificate=certificate) as servers,
            pgbouncer(servers.primary.login, certificate=certificate) as pooler,
        ):
            query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            with psycopg.connect(pooler.login.dsn("ip2a_app")) as connection:
                assert scalar(connection, query) is True
            for login in (pooler.login, servers.primary.login):
                plain = login.parameters("ip2a_app", "ip2a") | {"sslmode": "disable"}
                with pytest.raises(psycopg.OperationalError):
                    psycopg.connect("", **plain)  # type: ignore[arg-type]  # as above


class TestDatabase:
    def test_is_migrated_and_reached_by_the_app_through_both_poolers(self, app_environment: dict[str, str]) -> None:
        for host, recovering, refusal in (
            ("IP2A_DB_WRITE_HOST", False, psycopg.errors.InsufficientPrivilege),
            ("IP2A_DB_READ_HOST", True, psycopg.errors.ReadOnlySqlTransaction),
        ):
            with psycopg.connect(
                host=app_environment[host],
                port=app_environment["IP2A_DB_PORT"],
                dbname=app_environment["IP2A_DB_NAME"],
                user=app_environment["IP2A_DB_USER"],
                password=app_environment["IP2A_DB_PASSWORD"],
            ) as connection:
                assert scalar(connection, "SELECT pg_is_in_recovery()") is recovering
                assert scalar(connection, "SELECT count(*) FROM roles") != 0
                with pytest.raises(refusal):
                    connection.execute("DROP TABLE roles")

    def test_is_a_copy_that_leaves_the_template_alone(
        self, postgres_servers: Postgres, database: str, migrated_template: str
    ) -> None:
        with postgres_servers.primary.connect(database) as connection:
            connection.execute("CREATE TABLE mine (id int)")
        postgres_servers.primary.create_database("another", template=migrated_template)
        with postgres_servers.primary.connect("another") as connection:
            assert scalar(connection, "SELECT to_regclass('mine')") is None
        postgres_servers.primary.drop_database("another")


class TestRedis:
    def test_needs_its_password_and_forgets_on_flush(self, redis_server: Redis) -> None:
        with redis_client.Redis.from_url(redis_server.url) as client:
            client.set("key", "value")
            redis_server.flush()
            assert client.get("key") is None
            assert str(client.info("server")["redis_version"]) >= "7"
        host, port = redis_server.endpoint.host, redis_server.endpoint.port
        with redis_client.Redis(host, port) as stranger, pytest.raises(redis_client.AuthenticationError):
            stranger.ping()

    def test_comes_back_empty_after_a_kill(self) -> None:
        with redis_service() as server:
            with redis_client.Redis.from_url(server.url) as client:
                client.set("key", "value")
            server.kill()
            server.start()
            with redis_client.Redis.from_url(server.url) as client:
                assert client.get("key") is None


class TestToxiproxy:
    def test_slows_stalls_and_cuts_a_service(self, redis_server: Redis) -> None:
        with toxiproxy() as network:
            through = network.proxy("cache", redis_server.endpoint)
            with redis_client.Redis(
                through.host,
                through.port,
                password=redis_server.password,
                socket_timeout=1,
                retry=Retry(NoBackoff(), 0),
            ) as client:
                assert client.ping()
                with network.toxic("cache", "latency", latency=300):
                    began = time.monotonic()
                    client.ping()
                    assert time.monotonic() - began >= 0.3
                with network.toxic("cache", "timeout", timeout=0), pytest.raises(redis_client.TimeoutError):
                    client.ping()
                with network.down("cache"), pytest.raises(redis_client.ConnectionError):
                    client.ping()
                assert client.ping()


class TestMonitoring:
    def test_alert_goes_from_prometheus_to_alertmanager(self) -> None:
        rules = "groups: [{name: test, rules: [{alert: Always, expr: vector(1)}]}]"
        with alertmanager({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}) as manager:
            config = {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [str(manager.endpoint)]}]}]},
                "scrape_configs": [{"job_name": "am", "static_configs": [{"targets": [str(manager.endpoint)]}]}],
            }
            with prometheus(config, rules={"test.yml": rules}) as server:
                alerts = f"http://{manager.endpoint}/api/v2/alerts"
                eventually(lambda: "Always" in json.dumps(get_json(alerts)))
                query = f"http://{server.endpoint}/api/v1/query?query=up"
                eventually(lambda: '"1"]' in json.dumps(get_json(query)))

    def test_wrong_configuration_is_named(self) -> None:
        with (
            pytest.raises(StepFailed, match="field scrape_confgs not found"),
            prometheus({"scrape_confgs": []}),
        ):
            pass


class TestNothingIsLeft:
    def test_after_the_context(self, own_temporary: Path) -> None:
        before = _state(own_temporary)
        with postgres(replicas=1) as servers, pgbouncer(servers.primary.login), redis_service():
            assert _state(own_temporary) != before
        assert _state(own_temporary) == before

    def test_after_a_failure_inside(self, postgres_servers: Postgres, own_temporary: Path) -> None:
        before = _state(own_temporary)

        def break_inside() -> None:
            with pgbouncer(postgres_servers.primary.login) as pooler:
                pooler.freeze()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            break_inside()
        assert _state(own_temporary) == before

    def test_processes_end_with_a_killed_parent(self) -> None:
        program = (
            "import sys; from devcluster.services import postgres\n"
            "with postgres(replicas=1) as servers:\n"
            "    servers.replicas[0].freeze(); print('up', flush=True); sys.stdin.read()"
        )
        with tempfile.TemporaryDirectory() as directory:
            parent = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "TMPDIR": directory, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            with parent:
                assert parent.stdout is not None
                assert parent.stdout.readline() == b"up\n"
                family = _descendants(parent.pid)
                assert len(family) > 10, "a primary and a replica have more processes than that"
                handles = [os.pidfd_open(pid) for pid in family]
                parent.send_signal(signal.SIGKILL)
            for handle in handles:
                ended, _, _ = select.select([handle], [], [], DEADLINE)
                os.close(handle)
                assert ended, "a service outlived its parent"
            assert directory not in Path("/proc/mounts").read_text()


@pytest.fixture
def own_temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where services of this test keep their files: others may run their own at the same time."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _state(temporary: Path) -> tuple[list[str], list[str], list[str], set[int]]:
    """Everything a service could leave: mounts, shared memory, files, child processes."""
    mounts = Path("/proc/mounts").read_text().splitlines()
    ours = (str(temporary), str(rootfs.database().directory))
    return (
        [line for line in mounts if any(path in line for path in ours)],
        sorted(path.name for path in Path("/dev/shm").glob("PostgreSQL*")),  # noqa: S108 - looked at, not written to
        sorted(path.name for path in temporary.iterdir()),
        set(_descendants(os.getpid())),
    )


def _descendants(pid: int) -> list[int]:
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [*children, *(each for child in children for each in _descendants(child))]
