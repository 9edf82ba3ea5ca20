"""Fixtures of the tests that need real services: one PostgreSQL with a replica, two poolers and Redis a session.

Tests that break a service (kill, freeze, fill) start their own with `devcluster.services`; it takes half a second.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from minio import Minio

from devcluster.errors import DevclusterError
from devcluster.paths import CHECKOUT
from devcluster.services import (
    S3,
    PgBouncer,
    Postgres,
    PostgresServer,
    Redis,
    pgbouncer,
    postgres,
    process,
    redis,
    versitygw,
)
from devcluster.services.process import HOST, SECOND_HOST, Endpoint

MIGRATED = "ip2a_migrated"
MIGRATE_SECONDS = 120
BUCKET = "ip2a-files"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this directory needs services."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.services)


@contextmanager
def or_fail() -> Iterator[None]:
    """A machine that cannot run services fails the tests and says what to do; it never skips them."""
    try:
        yield
    except DevclusterError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Postgres]:
    """A primary and one streaming replica."""
    with or_fail(), postgres(replicas=1) as servers:
        yield servers


@pytest.fixture(scope="session")
def postgres_primary(postgres_servers: Postgres) -> PostgresServer:
    """The primary, reached without a pooler."""
    return postgres_servers.primary


@pytest.fixture(scope="session")
def postgres_replica(postgres_servers: Postgres) -> PostgresServer:
    """The replica, reached without a pooler. Who pauses its replay resumes it."""
    return postgres_servers.replicas[0]


@pytest.fixture(scope="session")
def pgbouncer_rw(postgres_primary: PostgresServer) -> Iterator[PgBouncer]:
    """A transaction pooler before the primary."""
    with or_fail(), pgbouncer(postgres_primary.login, endpoint=Endpoint(HOST, process.free_port())) as pooler:
        yield pooler


@pytest.fixture(scope="session")
def pgbouncer_ro(postgres_replica: PostgresServer, pgbouncer_rw: PgBouncer) -> Iterator[PgBouncer]:
    """A transaction pooler before the replica, on the same port as the other: the app knows one port for both."""
    endpoint = Endpoint(SECOND_HOST, pgbouncer_rw.endpoint.port)
    with or_fail(), pgbouncer(postgres_replica.login, endpoint=endpoint) as pooler:
        yield pooler


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """Redis with a password. Who needs it empty flushes it."""
    with or_fail(), redis() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """An S3 server with the bucket BUCKET."""
    with or_fail(), versitygw() as server:
        client = Minio(str(server.endpoint), server.access_key, server.secret_key, secure=False, region="us-east-1")
        client.make_bucket(BUCKET)
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_primary: PostgresServer) -> str:
    """The name of a database with the platform's schema, to be copied; nobody connects to it."""
    postgres_primary.create_database(MIGRATED)
    owner = postgres_primary.login.parameters("ip2a_owner", MIGRATED)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT / "app" / "src"),
        "IP2A_ENVIRONMENT": "development",
        "IP2A_PUBLIC_URL": "http://localhost",
        "IP2A_DB_WRITE_HOST": str(owner["host"]),
        "IP2A_DB_PORT": str(owner["port"]),
        "IP2A_DB_NAME": MIGRATED,
        "IP2A_DB_USER": "ip2a_owner",
        "IP2A_DB_PASSWORD": str(owner["password"]),
        "IP2A_DB_SSLMODE": "disable",
    }
    command = [sys.executable, "-c", "from ip2a.cli import main; main()", "migrate"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=MIGRATE_SECONDS)
    if run.returncode != 0:
        pytest.fail(f"`ip2a-app migrate` ended with {run.returncode}:\n{run.stdout}{run.stderr}", pytrace=False)
    return MIGRATED


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, postgres_servers: Postgres, migrated_template: str) -> Iterator[str]:
    """The name of a fresh migrated database for this test module, on the primary and on the replica."""
    name = re.sub(r"\W", "_", request.path.stem.removeprefix("test_"))[:40] + "_" + secrets.token_hex(3)
    postgres_servers.primary.create_database(name, template=migrated_template)
    postgres_servers.wait_replicated()
    yield name
    postgres_servers.primary.drop_database(name)


@pytest.fixture(scope="module")
def app_environment(
    database: str, pgbouncer_rw: PgBouncer, pgbouncer_ro: PgBouncer, redis_server: Redis, s3_server: S3
) -> dict[str, str]:
    """The platform's variables (docs/architecture.md) for this module's database, through the poolers."""
    return {
        "IP2A_ENVIRONMENT": "development",
        "IP2A_PUBLIC_URL": "http://localhost",
        "IP2A_DB_WRITE_HOST": pgbouncer_rw.endpoint.host,
        "IP2A_DB_READ_HOST": pgbouncer_ro.endpoint.host,
        "IP2A_DB_PORT": str(pgbouncer_rw.endpoint.port),
        "IP2A_DB_NAME": database,
        "IP2A_DB_USER": "ip2a_app",
        "IP2A_DB_PASSWORD": pgbouncer_rw.login.credentials.password("ip2a_app"),
        "IP2A_DB_SSLMODE": "disable",
        "IP2A_REDIS_HOST": redis_server.endpoint.host,
        "IP2A_REDIS_PORT": str(redis_server.endpoint.port),
        "IP2A_REDIS_PASSWORD": redis_server.password,
        "IP2A_S3_ENDPOINT": s3_server.url,
        "IP2A_S3_BUCKET": BUCKET,
        "IP2A_S3_ACCESS_KEY_ID": s3_server.access_key,
        "IP2A_S3_SECRET_ACCESS_KEY": s3_server.secret_key,
        "IP2A_JWT_KEY": secrets.token_hex(32),
        "IP2A_COOKIE_KEY": secrets.token_hex(32),
    }
