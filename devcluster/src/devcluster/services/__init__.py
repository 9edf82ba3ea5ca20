"""Real services on this host for tests: PostgreSQL, PgBouncer, Redis, Prometheus, Alertmanager.

Each is a context manager that starts the program of the Debian root file system (see rootfs) on a free port
of 127.0.0.1 and ends it on leaving. Nothing here runs inside the cluster, and the product never imports it.
"""

from devcluster.services.pgbouncer import PgBouncer, pgbouncer
from devcluster.services.postgres import Postgres, PostgresServer, postgres
from devcluster.services.process import Endpoint, Server
from devcluster.services.prometheus import alertmanager, prometheus
from devcluster.services.redis import Redis, redis
from devcluster.services.toxiproxy import Toxiproxy, toxiproxy
from devcluster.services.versitygw import S3, versitygw

__all__ = [
    "S3",
    "Endpoint",
    "PgBouncer",
    "Postgres",
    "PostgresServer",
    "Redis",
    "Server",
    "Toxiproxy",
    "alertmanager",
    "pgbouncer",
    "postgres",
    "prometheus",
    "redis",
    "toxiproxy",
    "versitygw",
]
