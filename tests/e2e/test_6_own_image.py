"""Somebody else's image: migrated once, pooled within the ledger, out of rotation without a database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import yaml

from devcluster import quickstart
from devcluster.dockerfiles import Source
from tests.e2e import images
from tests.e2e.kubernetes import Kubernetes

pytestmark = pytest.mark.full  # two minutes of its own

SPACE, NAME, HOST = "e2e-own-image", "guestbook", "guestbook.localhost"
SOURCE = Source(
    "registry.example.org/guestbook",
    "tests/e2e/guestbook/Dockerfile",
    ("requirements/app.txt", "tests/e2e/guestbook/guestbook.py"),
)
APP = f"ip2a.dev/owner={NAME},app.kubernetes.io/component=app"
REQUESTS = 200
CLIENTS = 16


def _resource(image: str) -> dict[str, Any]:
    program = ["python3", "/opt/guestbook/guestbook.py"]
    probe = {"httpGet": {"path": "/health"}, "periodSeconds": 2}
    return {
        "apiVersion": "ip2a.dev/v1alpha1",
        "kind": "IP2A",
        "metadata": {"name": NAME, "namespace": SPACE},
        "spec": {
            "users": 50,
            "app": {
                "image": image,
                "command": [*program, "serve"],
                "port": 8080,
                "replicas": 1,
                "processes": 4,
                "poolSize": 1,
                "maxOverflow": 0,
                "databaseUrl": {"env": "DATABASE_URL", "readEnv": "DATABASE_READ_URL"},
                "migration": {"command": [*program, "migrate"]},
                "worker": {"enabled": True, "command": [*program, "work"]},
                "metrics": False,
                "probes": {"readiness": probe, "liveness": {"tcpSocket": {}}, "requireDatabase": True},
            },
            "database": {"instances": 2},
            "pooling": {"write": {"size": 2, "reserve": 1}},
            "ingress": {"host": HOST},
            "deletionPolicy": "Delete",
        },
    }


@pytest.fixture(scope="module", autouse=True)
def _guestbook(kubernetes: Kubernetes) -> Iterator[None]:
    image = images.build(kubernetes, "guestbook", SOURCE)
    kubernetes.run("create", "namespace", SPACE)
    kubernetes.run("label", "namespace", SPACE, "pod-security.kubernetes.io/enforce=restricted")
    kubernetes.run("apply", "-f", "-", text=yaml.safe_dump(_resource(image)))
    kubernetes.eventually(lambda: kubernetes.is_ready(SPACE, NAME), within=180, what="the guest book is Ready")
    yield
    kubernetes.run("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture
def guestbook() -> Iterator[httpx.Client]:
    with httpx.Client(base_url=quickstart.URL, headers={"Host": HOST}, timeout=10) as client:
        yield client


def _sql(kubernetes: Kubernetes, statement: str) -> str:
    return kubernetes.sql(statement, role="primary", namespace=SPACE, name=NAME)


def test_it_is_migrated_once(kubernetes: Kubernetes) -> None:
    assert _sql(kubernetes, "SELECT count(*) FROM migrations") == "1"


def test_it_is_pooled_within_the_ledger(kubernetes: Kubernetes, guestbook: httpx.Client) -> None:
    def sign(_: int) -> int:
        return guestbook.post("/").status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = [*pool.map(sign, range(REQUESTS))]
    assert statuses == [200] * REQUESTS
    assert _sql(kubernetes, "SELECT count(*) FROM entries") == str(REQUESTS)
    used = int(_sql(kubernetes, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ip2a_app'"))
    assert 1 <= used <= 3, "two in the pool and one in reserve"
    connections = kubernetes.get("-n", SPACE, "ip2a", NAME)["status"]["connections"]
    assert connections["worst"] <= connections["budget"]
    assert int(_sql(kubernetes, "SHOW max_connections")) == connections["budget"] + 3


def test_it_gets_no_requests_while_the_database_is_down(kubernetes: Kubernetes, guestbook: httpx.Client) -> None:
    """Its own health check says that all is well; ours knows better."""
    [pod] = kubernetes.pods(SPACE, APP)
    database = ("-n", SPACE, "annotate", "cluster.postgresql.cnpg.io", f"{NAME}-db", "--overwrite")

    def status() -> int:
        return guestbook.get("/health").status_code

    assert status() == 200
    kubernetes.run(*database, 'cnpg.io/fencedInstances=["*"]')
    kubernetes.eventually(lambda: status() != 200, within=40, what="out of rotation")
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/health', timeout=5).status)"
    lie = kubernetes.run("-n", SPACE, "exec", pod, "-c", "app", "--", "python3", "-c", ask)
    assert lie.strip() == "200"
    kubernetes.run(*database, "cnpg.io/fencedInstances-")
    kubernetes.eventually(lambda: status() == 200, within=60, what="in rotation again")
    kubernetes.eventually(lambda: guestbook.get("/").status_code == 200, within=30, what="it serves from the database")
    assert [pod] == [*kubernetes.pods(SPACE, APP)], "the pod was restarted, which would not have helped"
