"""What goes wrong on a real cluster: bad images are named while the old pods serve, drift is mended at once."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.e2e import measured
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes
from tests.e2e.members import Conversation, members
from tests.e2e.unretried_load import load

APP = f"ip2a.dev/owner={RESOURCE},app.kubernetes.io/component=app"
OWNED = (
    "deployments,statefulsets,services,serviceaccounts,secrets,ingresses,networkpolicies,poddisruptionbudgets,"
    "cronjobs,clusters.postgresql.cnpg.io,poolers.postgresql.cnpg.io"
)
REPLACEABLE = {"Service", "Ingress", "NetworkPolicy", "ServiceAccount", "PodDisruptionBudget", "CronJob"}
"""Kinds whose objects can be deleted without taking data or pods along."""
MANAGED_BY = "app.kubernetes.io/managed-by"
MENDED_SECONDS = 5


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        ("ImagePullBackOff", {"image": "registry.example.org/ip2a-app:none"}),
        ("CrashLoop", {"command": ["python3", "-c", "raise SystemExit('cannot start')"]}),
        ("MigrationFailed", {"migration": {"command": ["python3", "-c", "raise SystemExit('no such column')"]}}),
    ],
)
def test_a_bad_version_is_named_and_the_old_one_serves(
    kubernetes: Kubernetes, reason: str, bad: dict[str, Any]
) -> None:
    """And putting the spec back is all there is to do."""
    before = kubernetes.pods(NAMESPACE, APP)
    good = kubernetes.get("-n", NAMESPACE, "ip2a", RESOURCE)["spec"]

    def named() -> bool:
        progressing = kubernetes.conditions(NAMESPACE, RESOURCE).get("Progressing", {})
        return (progressing.get("status"), progressing.get("reason")) == ("False", reason)

    with load(Conversation(members(kubernetes)), host="localhost", connections=8, per_second=20) as report:
        kubernetes.patch(NAMESPACE, RESOURCE, {"app": bad})
        seconds = kubernetes.eventually(named, within=60, what=f"Progressing=False, reason {reason}")
        assert set(before.items()) <= set(kubernetes.pods(NAMESPACE, APP).items()), "old pods were replaced"
        kubernetes.put_back(NAMESPACE, RESOURCE, good)
        kubernetes.eventually(
            lambda: kubernetes.is_ready(NAMESPACE, RESOURCE), within=60, what="the old version is Ready again"
        )
    measured.keep("bad_image_reported", reason, seconds)
    assert kubernetes.pods(NAMESPACE, APP) == before
    assert not report.failures, str(report)


def _owned(kubernetes: Kubernetes) -> dict[str, dict[str, Any]]:
    """Objects that the resource controls, as KIND/NAME."""
    items = kubernetes.get("-n", NAMESPACE, OWNED, "-l", f"ip2a.dev/owner={RESOURCE}")["items"]
    uid = kubernetes.get("-n", NAMESPACE, "ip2a", RESOURCE)["metadata"]["uid"]
    return {
        f"{item['kind']}/{item['metadata']['name']}": item
        for item in items
        if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences", ()))
    }


def _typed(item: dict[str, Any]) -> str:
    group = item["apiVersion"].rpartition("/")[0]
    return f"{item['kind']}{f'.{group}' if group else ''}/{item['metadata']['name']}"


def test_every_owned_object_that_is_changed_is_mended(kubernetes: Kubernetes) -> None:
    """A label of ours stands for any field of ours: they are compared in one way."""
    before = _owned(kubernetes)
    assert {item["kind"] for item in before.values()} >= REPLACEABLE - {"CronJob"} | {"Cluster", "Pooler", "Secret"}
    began = time.monotonic()
    names = [_typed(item) for item in before.values()]
    kubernetes.run("-n", NAMESPACE, "label", "--overwrite", *names, f"{MANAGED_BY}=somebody")

    def mended() -> bool:
        now = _owned(kubernetes).items()
        wrong = {name for name, item in now if item["metadata"]["labels"].get(MANAGED_BY) != "ip2a-operator"}
        print(f"{time.monotonic() - began:.1f} s: {sorted(wrong)}")
        return not wrong

    kubernetes.eventually(mended, within=MENDED_SECONDS, what="all labels are back")
    measured.keep("drift_mended", "changed", time.monotonic() - began)
    assert set(_owned(kubernetes)) == set(before)


def test_owned_objects_that_are_deleted_come_back(kubernetes: Kubernetes, http: httpx.Client) -> None:
    before = {name: item for name, item in _owned(kubernetes).items() if item["kind"] in REPLACEABLE}
    began = time.monotonic()
    kubernetes.run("-n", NAMESPACE, "delete", "--wait=false", *(_typed(item) for item in before.values()))

    def back() -> bool:
        now = _owned(kubernetes)
        return all(
            name in now and now[name]["metadata"]["uid"] != item["metadata"]["uid"] for name, item in before.items()
        )

    kubernetes.eventually(back, within=MENDED_SECONDS, what="all are back")
    measured.keep("drift_mended", "deleted", time.monotonic() - began)
    kubernetes.eventually(lambda: http.get("/login").status_code == 200, within=30, what="the ingress serves again")


def test_a_changed_field_of_a_spec_is_put_back(kubernetes: Kubernetes) -> None:
    began = time.monotonic()
    body = json.dumps({"spec": {"ports": [{"name": "http", "port": 81, "targetPort": "http"}]}})
    kubernetes.run("-n", NAMESPACE, "patch", "service", f"{RESOURCE}-app", "--type=merge", "-p", body)

    def ports() -> list[int]:
        service = kubernetes.get("-n", NAMESPACE, "service", f"{RESOURCE}-app")
        return [port["port"] for port in service["spec"]["ports"]]

    kubernetes.eventually(lambda: ports() == [80], within=MENDED_SECONDS, what="the port is back")
    measured.keep("drift_mended", "spec", time.monotonic() - began)
