"""A resource's whole life on a real API server: made, kept, changed, paused, deleted."""

import copy
from typing import Any

import pytest

from ip2a_operator.api.kinds import OWNED
from tests.control_plane.operator.controllers import HealthWriter
from tests.control_plane.operator.kube import Json, Kube, condition, eventually
from tests.control_plane.operator.process import OperatorProcess
from tests.unit.operator.worlds import sample

pytestmark = pytest.mark.control_plane
NAME = "local46"


def make(kube: Kube, namespace: str, **spec: Any) -> Json:
    manifest = sample("minimal")
    manifest["metadata"]["namespace"] = namespace
    manifest["spec"] |= spec
    response = kube.apply(manifest)
    assert response.status_code < 300, response.text
    return manifest


def wait_ready(kube: Kube, namespace: str, *, generation: int | None = None) -> Json:
    def ready() -> Json | None:
        found = kube.get("IP2A", namespace, NAME)
        state = condition(found, "Ready")
        right = generation is None or state.get("observedGeneration") == generation
        return found if found and right and state.get("status") == "True" else None

    return eventually("Ready", ready) or {}


def reasons(kube: Kube, namespace: str) -> set[str]:
    return {event["reason"] for event in kube.list("Event", namespace)}


def test_becomes_ready_and_then_rests(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    resource = wait_ready(kube, namespace)
    assert resource["status"]["app"]["summary"] == "2/2"
    assert resource["status"]["database"]["summary"] == "2/2"
    assert resource["metadata"]["finalizers"] == ["ip2a.dev/teardown"]
    assert not [key for key in resource["metadata"].get("annotations", {}) if "kopf" in key]

    operator.stop()
    operator.start()
    operator.wait_ready()
    eventually("one reconciliation", lambda: operator.metric("ip2a_operator_reconciles_total") >= 1)
    assert operator.mutations() == 0, "an unchanged resource was written to after a restart"


def test_scale_subresource(kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess) -> None:
    make(kube, namespace, app={"replicas": 2})
    wait_ready(kube, namespace)
    path = f"/apis/ip2a.dev/v1alpha1/namespaces/{namespace}/ip2as/{NAME}/scale"
    scale = kube.request("GET", path).json()
    assert scale["status"]["replicas"] == 2
    assert "app.kubernetes.io/component=app" in scale["status"]["selector"]
    scale["spec"]["replicas"] = 3
    assert kube.request("PUT", path, json=scale).status_code == 200
    wait_ready(kube, namespace, generation=2)
    deployment = kube.get("Deployment", namespace, f"{NAME}-app") or {}
    assert deployment["spec"]["replicas"] == 3


def test_every_owned_object_comes_back_within_five_seconds(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    before = kube.owned(namespace)
    assert len(before) > 15
    for (kind, name), old in before.items():
        kube.delete(kind, namespace, name)

        def back(kind: str = kind, name: str = name, uid: str = old["metadata"]["uid"]) -> bool:
            new = kube.get(kind, namespace, name)
            return new is not None and new["metadata"]["uid"] != uid

        eventually(f"{kind} {name} back", back, seconds=5)
    wait_ready(kube, namespace)
    assert set(kube.owned(namespace)) == set(before)
    assert "Recreated" in reasons(kube, namespace)


def test_changed_fields_are_mended_and_the_manager_is_named(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    name = f"{NAME}-app"
    kube.merge("Deployment", namespace, name, {"spec": {"replicas": 7}}, manager="somebody")

    def mended() -> bool:
        return bool((kube.get("Deployment", namespace, name) or {})["spec"]["replicas"] == 2)

    eventually("replicas mended", mended, seconds=5)
    conflicts = [event for event in kube.list("Event", namespace) if event["reason"] == "FieldConflict"]
    eventually("event", lambda: "FieldConflict" in reasons(kube, namespace), seconds=5)
    conflicts = [event for event in kube.list("Event", namespace) if event["reason"] == "FieldConflict"]
    assert "somebody" in conflicts[0]["note"]
    assert ".spec.replicas" in conflicts[0]["note"]


def test_a_service_port_that_somebody_renumbered_is_put_back(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    """Ports are merged by number: beside theirs, ours of the same name would be refused."""
    make(kube, namespace)
    wait_ready(kube, namespace)
    name, theirs = f"{NAME}-app", [{"name": "http", "port": 81, "targetPort": "http"}]
    kube.merge("Service", namespace, name, {"spec": {"ports": theirs}}, manager="somebody")

    def ports() -> list[int]:
        return [port["port"] for port in (kube.get("Service", namespace, name) or {})["spec"]["ports"]]

    eventually("the port is back", lambda: ports() == [80], seconds=5)
    before = operator.mutations()
    kube.merge("IP2A", namespace, NAME, {"metadata": {"annotations": {"looked": "at"}}})
    wait_ready(kube, namespace)
    assert operator.mutations() == before, "mended once and for all"


def test_what_others_add_stays(kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    patch = {"metadata": {"annotations": {"team": "blue"}, "labels": {"cost": "7"}}}
    kube.merge("Deployment", namespace, f"{NAME}-app", patch)
    kube.merge("IP2A", namespace, NAME, {"spec": {"users": 3000}})
    wait_ready(kube, namespace, generation=2)
    deployment = kube.get("Deployment", namespace, f"{NAME}-app") or {}
    assert deployment["spec"]["replicas"] == 4
    assert deployment["metadata"]["annotations"]["team"] == "blue"
    assert deployment["metadata"]["labels"]["cost"] == "7"


def test_no_longer_wanted_is_removed(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace, app={"worker": {"enabled": True}, "jobs": [{"name": "night", "schedule": "@daily"}]})
    wait_ready(kube, namespace)
    assert ("CronJob", f"{NAME}-night") in kube.owned(namespace)
    make(kube, namespace, cache={"enabled": False}, app={"worker": {"enabled": False}, "jobs": []})
    wait_ready(kube, namespace, generation=2)
    left = {name for _, name in kube.owned(namespace)}
    assert left.isdisjoint({f"{NAME}-redis", f"{NAME}-night"})
    assert ("Deployment", f"{NAME}-worker") not in kube.owned(namespace)


@pytest.mark.parametrize(
    ("kind", "content"), [("Service", {"spec": {"ports": [{"port": 1234}]}}), ("ServiceAccount", {})]
)
def test_foreign_object_is_refused_not_taken(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess, *, kind: str, content: Json
) -> None:
    """Also one that an apply would not even conflict with."""
    theirs = {"apiVersion": "v1", "kind": kind, "metadata": {"name": f"{NAME}-app", "namespace": namespace}, **content}
    assert kube.apply(theirs).status_code == 201
    before = kube.get(kind, namespace, f"{NAME}-app") or {}
    make(kube, namespace)
    found = eventually("refusal", lambda: _degraded(kube, namespace, "ForeignObject"))
    assert f"{kind} {NAME}-app" in condition(found, "Degraded")["message"]
    assert kube.get(kind, namespace, f"{NAME}-app") == before
    kube.delete(kind, namespace, f"{NAME}-app")
    wait_ready(kube, namespace)


def test_what_is_new_is_made_without_asking_for_it_first(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)  # from here on every watch is followed
    kinds = [kind.kind for kind in OWNED]

    def reads() -> float:
        return sum(operator.metric("ip2a_operator_api_requests_total", verb="get", kind=kind) for kind in kinds)

    before = reads()
    manifest = sample("minimal")
    manifest["metadata"] = {"name": "second", "namespace": namespace}
    assert kube.apply(manifest).status_code == 201
    eventually("Ready", lambda: condition(kube.get("IP2A", namespace, "second"), "Ready").get("status") == "True")
    assert reads() == before


def _degraded(kube: Kube, namespace: str, reason: str) -> Json | None:
    found = kube.get("IP2A", namespace, NAME)
    return found if condition(found, "Degraded").get("reason") == reason else None


def test_budget_is_refused_and_nothing_applied(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    before = copy.deepcopy(kube.get("Pooler", namespace, f"{NAME}-pool-rw") or {})
    greedy = {"write": {"pods": 3, "size": 40}}
    make(kube, namespace, pooling=greedy, database={"parameters": {"max_connections": "100"}})
    found = eventually("refusal", lambda: _degraded(kube, namespace, "BudgetExceeded"))
    assert "6 write poolers (old and new) × 84" in condition(found, "ConnectionBudget")["message"]
    assert (kube.get("Pooler", namespace, f"{NAME}-pool-rw") or {})["spec"] == before["spec"]


def test_secrets_are_generated_once_and_rotated_on_request(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    first = (kube.get("Secret", namespace, f"{NAME}-app-keys") or {})["data"]
    template = (kube.get("Deployment", namespace, f"{NAME}-app") or {})["spec"]["template"]
    redis = (kube.get("StatefulSet", namespace, f"{NAME}-redis") or {})["spec"]["template"]
    kube.merge("IP2A", namespace, NAME, {"metadata": {"annotations": {"ip2a.dev/rotate": "jwt=one"}}})

    def rotated() -> Json | None:
        data: Json = (kube.get("Secret", namespace, f"{NAME}-app-keys") or {})["data"]
        return data if data.get("jwt-previous-key") == first["jwt-key"] else None

    second = eventually("rotation", rotated, seconds=10) or {}
    assert second["jwt-key"] != first["jwt-key"]
    assert second["cookie-key"] == first["cookie-key"]

    def restarted() -> bool:
        return bool(((kube.get("Deployment", namespace, f"{NAME}-app")) or {})["spec"]["template"] != template)

    eventually("restart of the readers", restarted, seconds=5)
    assert (kube.get("StatefulSet", namespace, f"{NAME}-redis") or {})["spec"]["template"] == redis
    wait_ready(kube, namespace)
    assert (kube.get("Secret", namespace, f"{NAME}-app-keys") or {})["data"] == second
    eventually("events", lambda: {"SecretAnnounced", "SecretRotated"} <= reasons(kube, namespace), seconds=5)


def test_database_passwords_rotate_with_two_logins_in_turn(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    before = (kube.get("Secret", namespace, f"{NAME}-db-app") or {})["data"]
    kube.merge("IP2A", namespace, NAME, {"metadata": {"annotations": {"ip2a.dev/rotate": "database=one"}}})

    def login() -> str:
        deployment = kube.get("Deployment", namespace, f"{NAME}-app") or {}
        env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        return str(next(item["value"] for item in env if item["name"] == "IP2A_DB_USER"))

    def enabled() -> dict[str, bool]:
        cluster = kube.get("Cluster", namespace, f"{NAME}-db") or {}
        return {role["name"]: role["login"] for role in cluster["spec"]["managed"]["roles"]}

    eventually("the second login serves", lambda: login() == "ip2a_app_b")
    assert (kube.get("Secret", namespace, f"{NAME}-db-app") or {})["data"] == before
    eventually("the first login is off", lambda: not enabled()["ip2a_app"])
    assert enabled()["ip2a_app_b"]
    wait_ready(kube, namespace)


def test_paused_changes_nothing(kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess) -> None:
    make(kube, namespace)
    wait_ready(kube, namespace)
    make(kube, namespace, paused=True)
    eventually("Paused", lambda: condition(kube.get("IP2A", namespace, NAME), "Paused").get("status") == "True")
    before = operator.metric("ip2a_operator_reconciles_total")
    kube.delete("Service", namespace, f"{NAME}-app")
    eventually("a reconciliation", lambda: operator.metric("ip2a_operator_reconciles_total") > before)
    assert kube.get("Service", namespace, f"{NAME}-app") is None
    make(kube, namespace)
    eventually("Service back", lambda: kube.get("Service", namespace, f"{NAME}-app"))


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_deletion(kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess, policy: str) -> None:
    make(kube, namespace, deletionPolicy=policy)
    wait_ready(kube, namespace)
    kube.delete("IP2A", namespace, NAME)
    eventually("gone", lambda: kube.get("IP2A", namespace, NAME) is None, seconds=10)
    ended = [item["spec"]["replicas"] for item in kube.list("Deployment", namespace)]
    assert ended == [0, 0], "app and worker had finished before"
    owners = {key: item["metadata"].get("ownerReferences") for key, item in kube.owned(namespace).items()}
    kept = {key for key, references in owners.items() if not references}
    logins = {("Secret", f"{NAME}-db-{login}") for login in ("owner", "app", "worker", "audit")}
    database = {("Cluster", f"{NAME}-db"), *logins}
    assert kept == (database if policy == "Retain" else set())
    eventually("event", lambda: "Deleted" in reasons(kube, namespace), seconds=5)


def test_deletion_waits_for_the_last_backup(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    backup = {"destination": "s3://backups/here", "credentials": {"name": "backup-s3"}, "final": True}
    make(kube, namespace, deletionPolicy="Delete", database={"backup": backup})
    wait_ready(kube, namespace)
    kube.delete("IP2A", namespace, NAME)
    (made,) = eventually("a Backup", lambda: kube.list("Backup", namespace), seconds=10)
    name = made["metadata"]["name"]
    assert made["spec"]["cluster"] == {"name": f"{NAME}-db"}
    assert "ownerReferences" not in made["metadata"], "it outlives the resource"

    def progress() -> str:
        return str(condition(kube.get("IP2A", namespace, NAME), "Progressing").get("reason"))

    eventually("it is said what is waited for", lambda: progress() == "FinalBackup", seconds=10)
    kube.merge("Backup", namespace, name, {"status": {"phase": "failed", "error": "no such bucket"}}, status=True)
    found = eventually("failure", lambda: _degraded(kube, namespace, "FinalBackupFailed"), seconds=10)
    assert "no such bucket" in condition(found, "Degraded")["message"]
    kube.merge("Backup", namespace, name, {"status": {"phase": "completed"}}, status=True)
    eventually("gone", lambda: kube.get("IP2A", namespace, NAME) is None, seconds=10)
    eventually("events", lambda: {"FinalBackupTaken", "Deleted"} <= reasons(kube, namespace), seconds=5)
    assert (kube.get("Cluster", namespace, f"{NAME}-db") or {})["metadata"]["ownerReferences"], "it goes as it was told"


def test_a_secret_that_people_change_restarts_its_readers(
    kube: Kube, namespace: str, health: HealthWriter, operator: OperatorProcess
) -> None:
    credentials = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "documents-s3", "namespace": namespace},
        "stringData": {"access-key-id": "one", "secret-access-key": "one"},
    }
    assert kube.apply(credentials).status_code == 201
    storage = {"endpoint": "https://s3.example", "bucket": "documents", "credentials": {"name": "documents-s3"}}
    make(kube, namespace, storage=storage)
    wait_ready(kube, namespace)

    def app() -> Json:
        return kube.get("Deployment", namespace, f"{NAME}-app") or {}

    eventually("it is known", lambda: "ip2a.dev/references-baseline" in app()["metadata"]["annotations"])
    template = app()["spec"]["template"]
    assert "ip2a.dev/references-checksum" not in template["metadata"]["annotations"]
    redis = (kube.get("StatefulSet", namespace, f"{NAME}-redis") or {})["spec"]["template"]
    assert kube.apply({**credentials, "stringData": {"secret-access-key": "two"}}).status_code == 200
    eventually("restart of the readers", lambda: app()["spec"]["template"] != template, seconds=20)
    assert (kube.get("StatefulSet", namespace, f"{NAME}-redis") or {})["spec"]["template"] == redis
    wait_ready(kube, namespace)
