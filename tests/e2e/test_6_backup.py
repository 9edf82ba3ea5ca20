"""Backups to the quickstart's S3 server: archived at once, restored elsewhere, failures named, a last one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

pytestmark = pytest.mark.full  # five minutes

SPACE, NAME, RESTORED = "e2e-backup", "books", "restored"
ENDPOINT = f"http://{RESOURCE}-s3.{NAMESPACE}.svc:7070"
NOBODY = f"http://{RESOURCE}-s3.{NAMESPACE}.svc:7071"
"""Where nobody answers."""
DESTINATION = f"s3://ip2a-documents/e2e-{int(time.time())}"
"""Of this run alone: CloudNativePG refuses to archive where another database has."""
CREDENTIALS = "backup-s3"
CLUSTER, BACKUP = "clusters.postgresql.cnpg.io", "backups.postgresql.cnpg.io"
READY_SECONDS = 240
ARCHIVED_SECONDS = 150
"""PostgreSQL asks a failed archiver again after a minute."""


def _resource() -> dict[str, Any]:
    backup = {
        "destination": DESTINATION,
        "endpoint": ENDPOINT,
        "credentials": {"name": CREDENTIALS},
        "final": True,
    }
    return {
        "apiVersion": "ip2a.dev/v1alpha1",
        "kind": "IP2A",
        "metadata": {"name": NAME, "namespace": SPACE},
        "spec": {
            "users": 50,
            "app": {"replicas": 1},
            "database": {"instances": 1, "backup": backup},
            "deletionPolicy": "Delete",
        },
    }


@pytest.fixture(scope="module", autouse=True)
def _books(kubernetes: Kubernetes) -> Iterator[None]:
    kubernetes.run("create", "namespace", SPACE)
    kubernetes.run("label", "namespace", SPACE, "pod-security.kubernetes.io/enforce=restricted")
    keys = {key: kubernetes.secret(NAMESPACE, f"{RESOURCE}-s3", key) for key in ("access-key-id", "secret-access-key")}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS, "namespace": SPACE},
        "stringData": keys,
    }
    kubernetes.run("apply", "--server-side", "-f", "-", text=json.dumps(secret))
    kubernetes.run("apply", "--server-side", "-f", "-", text=json.dumps(_resource()))
    kubernetes.eventually(lambda: kubernetes.is_ready(SPACE, NAME), within=READY_SECONDS, what="it is Ready")
    yield
    kubernetes.run("delete", "namespace", SPACE, "--wait=false")


def _condition(kubernetes: Kubernetes, kind: str) -> str:
    """Of the CloudNativePG Cluster."""
    conditions = kubernetes.get("-n", SPACE, CLUSTER, f"{NAME}-db")["status"].get("conditions", [])
    return next((str(one["status"]) for one in conditions if one["type"] == kind), "")


def _phases(kubernetes: Kubernetes) -> dict[str, str]:
    items = kubernetes.get("-n", SPACE, BACKUP)["items"]
    return {item["metadata"]["name"]: item.get("status", {}).get("phase", "") for item in items}


def _sql(kubernetes: Kubernetes, statement: str, name: str = NAME) -> str:
    return kubernetes.sql(statement, role="primary", namespace=SPACE, name=name)


def _degraded(kubernetes: Kubernetes) -> tuple[str, str]:
    found = kubernetes.conditions(SPACE, NAME).get("Degraded", {})
    return found.get("status", ""), found.get("reason", "")


def test_it_runs_the_image_that_can_and_a_first_backup_is_made(kubernetes: Kubernetes) -> None:
    image = kubernetes.get("-n", SPACE, CLUSTER, f"{NAME}-db")["spec"]["imageName"]
    plain = kubernetes.get("-n", NAMESPACE, CLUSTER, f"{RESOURCE}-db")["spec"]["imageName"]
    assert image != plain
    kubernetes.eventually(
        lambda: _condition(kubernetes, "ContinuousArchiving") == "True",
        within=ARCHIVED_SECONDS,
        what="the write-ahead log is archived",
    )
    kubernetes.eventually(
        lambda: "completed" in _phases(kubernetes).values(), within=READY_SECONDS, what="a base backup is complete"
    )
    assert _degraded(kubernetes) == ("False", "AsExpected")


def test_what_was_written_after_the_backup_is_restored(kubernetes: Kubernetes) -> None:
    """As a person would: another Cluster, from where the backups are."""
    _sql(kubernetes, "CREATE TABLE e2e_written_later AS SELECT 46 AS local")
    written = _sql(kubernetes, "SELECT pg_walfile_name(pg_switch_wal())")
    kubernetes.eventually(
        lambda: _sql(kubernetes, "SELECT last_archived_wal FROM pg_stat_archiver") >= written,
        within=ARCHIVED_SECONDS,
        what="what was written is archived",
    )
    source = kubernetes.get("-n", SPACE, CLUSTER, f"{NAME}-db")["spec"]
    store = {**source["backup"]["barmanObjectStore"], "serverName": f"{NAME}-db"}
    restored = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": f"{RESTORED}-db", "namespace": SPACE},
        "spec": {
            "instances": 1,
            "imageName": source["imageName"],
            "imagePullPolicy": source.get("imagePullPolicy", "IfNotPresent"),
            "storage": source["storage"],
            "resources": source["resources"],
            "postgresql": {"parameters": source["postgresql"]["parameters"]},
            "bootstrap": {"recovery": {"source": NAME}},
            "externalClusters": [{"name": NAME, "barmanObjectStore": store}],
        },
    }
    kubernetes.run("apply", "--server-side", "-f", "-", text=json.dumps(restored))

    def serves() -> bool:
        shown = kubernetes.get("-n", SPACE, CLUSTER, f"{RESTORED}-db").get("status", {})
        return bool(shown.get("readyInstances") == 1)

    kubernetes.eventually(serves, within=READY_SECONDS, what="the restored database serves")
    assert _sql(kubernetes, "SELECT local FROM e2e_written_later", RESTORED) == "46"
    kubernetes.run("-n", SPACE, "delete", CLUSTER, f"{RESTORED}-db", "--wait=false")


def test_an_archive_that_refuses_is_named_until_it_is_right_again(kubernetes: Kubernetes) -> None:
    kubernetes.patch(SPACE, NAME, {"database": {"backup": {"endpoint": NOBODY}}})  # a missing bucket would be made

    def fails() -> bool:
        _sql(kubernetes, "SELECT pg_logical_emit_message(true, 'e2e', 'more to archive'), pg_switch_wal()")
        return _degraded(kubernetes) == ("True", "ArchivingFailed")

    kubernetes.eventually(fails, within=ARCHIVED_SECONDS, what="Degraded says ArchivingFailed")
    assert kubernetes.is_ready(SPACE, NAME), "everything serves meanwhile"
    kubernetes.patch(SPACE, NAME, {"database": {"backup": {"endpoint": ENDPOINT}}})
    kubernetes.eventually(
        lambda: _degraded(kubernetes)[0] == "False", within=ARCHIVED_SECONDS, what="no longer Degraded"
    )


def test_a_last_backup_is_taken_before_it_goes(kubernetes: Kubernetes) -> None:
    kubernetes.run("-n", SPACE, "delete", "ip2a", NAME, "--wait=false")

    def gone() -> bool:
        return not kubernetes.names("-n", SPACE, "ip2a")

    kubernetes.eventually(gone, within=READY_SECONDS, what="the resource is gone")
    final = {name: phase for name, phase in _phases(kubernetes).items() if "-final-" in name}
    assert [*final.values()] == ["completed"]
