"""Builders: what the samples do not show."""

from typing import Any

import pytest

from devcluster.services.postgres import STATEMENT_TIMEOUTS
from ip2a_operator.domain.builders.network import policies
from ip2a_operator.domain.builders.podspec import pod_security
from ip2a_operator.domain.desired import desired
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import make_stack
from ip2a_operator.domain.stack import Stack, image_name
from ip2a_operator.domain.tree import Manifest, branches, number, text
from tests.unit.operator.worlds import IMAGES, SURROUNDINGS, resource, resource_from, sample, sample_names


def stack_of(spec: dict[str, Any], **metadata: Any) -> Stack:
    return make_stack(resource(spec, **metadata), Observed(), SURROUNDINGS)


def rendered(spec: dict[str, Any], kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    found = [dict(item.manifest) for item in desired(stack_of(spec, **metadata)) if item.ref[1:] == (kind, name)]
    assert len(found) == 1
    return found[0]


def app_container(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    pod = rendered(spec, "Deployment", "local46-app", **metadata)["spec"]["template"]["spec"]
    container: dict[str, Any] = pod["containers"][0]
    return container


def env_of(spec: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in app_container(spec)["env"]}


def test_given_amounts_win_one_by_one() -> None:
    given = {"requests": {"cpu": 1}, "limits": {"memory": "2Gi"}}
    resources = app_container({"app": {"resources": given}})["resources"]
    assert resources["requests"] == {"cpu": "1", "memory": "192Mi", "ephemeral-storage": "32Mi"}
    assert resources["limits"] == {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "1Gi"}


def test_limits_alone_leave_requests_as_they_are_derived() -> None:
    derived = app_container({})["resources"]["requests"]
    assert app_container({"app": {"resources": {"limits": {"cpu": "3"}}}})["resources"]["requests"] == derived


def test_without_replicas_there_is_no_pooler_to_them() -> None:
    def poolers(instances: int) -> set[str]:
        found = desired(stack_of({"database": {"instances": instances}}))
        return {item.ref.name for item in found if item.ref.kind == "Pooler"}

    assert poolers(1) == {"local46-pool-rw"}
    assert poolers(2) == {"local46-pool-rw", "local46-pool-ro"}


def test_each_login_of_the_platform_is_made_with_its_statement_timeout() -> None:
    """As the services of the tests have them; somebody's own image keeps what the database says."""
    statements = rendered({}, "Cluster", "local46-db")["spec"]["bootstrap"]["initdb"]["postInitApplicationSQL"]
    app, worker, audit = (STATEMENT_TIMEOUTS[name] for name in ("ip2a_app", "ip2a_worker", "ip2a_audit_reader"))
    assert [statement for statement in statements if statement.split()[1:2] == ["ROLE"]] == [
        "CREATE ROLE ip2a_app LOGIN",
        "CREATE ROLE ip2a_app_b",
        f"ALTER ROLE ip2a_app SET statement_timeout = '{app}'",
        f"ALTER ROLE ip2a_app_b SET statement_timeout = '{app}'",
        "CREATE ROLE ip2a_worker",
        "CREATE ROLE ip2a_worker_b",
        f"ALTER ROLE ip2a_worker SET statement_timeout = '{worker}'",
        f"ALTER ROLE ip2a_worker_b SET statement_timeout = '{worker}'",
        "CREATE ROLE ip2a_audit_reader",
        f"ALTER ROLE ip2a_audit_reader SET statement_timeout = '{audit}'",
    ]
    stack = make_stack(resource_from(sample("own-image")), Observed(), SURROUNDINGS)
    (own,) = [item.manifest for item in desired(stack) if item.ref.kind == "Cluster"]
    assert "statement_timeout" not in str(own)


def test_given_variables_win_and_may_refer_to_ours() -> None:
    spec = {"app": {"env": [{"name": "IP2A_DB_POOL_TIMEOUT", "value": "9"}, {"name": "X", "value": "$(IP2A_DB_NAME)"}]}}
    names = [item["name"] for item in app_container(spec)["env"]]
    assert len(names) == len(set(names))
    assert names[-2:] == ["IP2A_DB_POOL_TIMEOUT", "X"]


@pytest.mark.parametrize(
    ("url", "kind"), [("https://a.example", "production"), ("http://localhost:8080", "development")]
)
def test_environment_follows_the_scheme(url: str, kind: str) -> None:
    env = env_of({"ingress": {"host": "a.example", "publicUrl": url}})
    assert (env["IP2A_ENVIRONMENT"], env["IP2A_PUBLIC_URL"]) == (kind, url)


def test_both_urls_without_a_password_in_them() -> None:
    env = env_of({"app": {"databaseUrl": {"env": "DATABASE_URL", "readEnv": "READ_URL"}}})
    login = "postgresql://$(IP2A_DB_USER):$(IP2A_DB_PASSWORD)@"
    assert env["DATABASE_URL"].startswith(f"{login}$(IP2A_DB_WRITE_HOST):$(IP2A_DB_PORT)/")
    assert env["READ_URL"].startswith(f"{login}$(IP2A_DB_READ_HOST):")


def test_the_dashboard_asks_the_prometheus_that_the_resource_names() -> None:
    env = env_of({"monitoring": {"prometheusUrl": "http://prometheus.monitoring:9090"}})
    assert env["IP2A_PROMETHEUS_URL"] == "http://prometheus.monitoring:9090"
    namespace, _, name = env["IP2A_PROMETHEUS_OWNER"].partition("/")
    assert namespace
    assert name
    assert "IP2A_PROMETHEUS_URL" not in env_of({})
    assert "IP2A_PROMETHEUS_URL" not in env_of({"monitoring": {"prometheusUrl": "http://a:b@prometheus:9090"}})


def test_mail_without_a_login_and_no_ca() -> None:
    external = {"host": "h", "secret": {"name": "s"}, "sslmode": "require"}
    env = env_of({"mail": {"host": "smtp", "sender": "a@b"}, "database": {"external": external}})
    assert "IP2A_SMTP_USERNAME" not in env
    assert "IP2A_DB_SSLROOTCERT" not in env


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"httpGet": {"path": "/h", "port": 9}}, {"httpGet": {"path": "/h", "port": 9}}),
        ({"exec": {"command": ["true"]}}, {"exec": {"command": ["true"]}}),
        ({"tcpSocket": {}}, {"tcpSocket": {"port": 8000}}),
    ],
)
def test_given_probes_replace_ours(probe: dict[str, Any], expected: dict[str, Any]) -> None:
    made = app_container({"app": {"probes": {"readiness": probe, "startup": probe}}})
    assert expected.items() <= made["readinessProbe"].items()
    assert expected.items() <= made["startupProbe"].items()
    assert made["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_the_platform_is_asked_on_the_port_that_answers_when_it_is_full_and_others_where_they_serve() -> None:
    platform = app_container({"app": {"metrics": False}})
    assert platform["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 9100}
    assert platform["livenessProbe"]["httpGet"] == {"path": "/livez", "port": 9100}
    assert platform["readinessProbe"]["timeoutSeconds"] == 5
    own = app_container({"app": {"image": "registry.example/own:1"}})
    assert own["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_restart_pull_secrets_and_sources_reach_the_pod() -> None:
    app = {"imagePullSecrets": [{"name": "pull"}], "envFrom": [{"configMapRef": {"name": "c"}}]}
    template = rendered({"app": app}, "Deployment", "local46-app", annotations={"ip2a.dev/restarted-at": "now"})[
        "spec"
    ]["template"]
    assert template["metadata"]["annotations"]["ip2a.dev/restarted-at"] == "now"
    assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert template["spec"]["containers"][0]["envFrom"] == app["envFrom"]


def test_durability_follows_the_instances() -> None:
    def synchronous(instances: int) -> Any:
        spec = {"database": {"durability": "synchronous", "instances": instances}}
        return rendered(spec, "Cluster", "local46-db")["spec"]["postgresql"]["synchronous"]["dataDurability"]

    assert [synchronous(count) for count in (2, 3, 4)] == ["preferred", "required", "required"]
    plain = rendered({}, "Cluster", "local46-db")["spec"]["postgresql"]
    assert "synchronous" not in plain


def test_switches_that_turn_things_off() -> None:
    spec = {"security": {"networkPolicy": False}, "monitoring": {"enabled": False}, "app": {"replicas": 1}}
    kinds = {item.ref.kind for item in desired(stack_of(spec))}
    assert kinds.isdisjoint({"NetworkPolicy", "PodMonitor", "PrometheusRule", "PodDisruptionBudget"})
    external = {"cache": {"external": {"host": "h"}}, "app": {"migration": {"enabled": False}}}
    assert {"StatefulSet", "Job"}.isdisjoint(item.ref.kind for item in desired(stack_of(external)))


def test_volumes_keep_their_class() -> None:
    spec = {"cache": {"persistence": {"size": "1Gi", "storageClass": "fast"}}}
    claim = rendered(spec, "StatefulSet", "local46-redis")["spec"]["volumeClaimTemplates"][0]
    assert claim["spec"]["storageClassName"] == "fast"


@pytest.mark.parametrize("name", sample_names())
def test_every_pod_of_ours_is_selected_by_one_policy_for_both_directions(name: str) -> None:
    stack = make_stack(resource_from(sample(name)), Observed(), SURROUNDINGS)
    chosen: list[Any] = [dict(policy)["spec"] for policy in policies(stack)]
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in chosen)
    templates = [
        dict(item.manifest)["spec"]["template"]  # type: ignore[index]  # a tree of dictionaries by construction
        for item in desired(stack)
        if item.ref.kind in {"Deployment", "StatefulSet", "Job"}
    ]
    assert templates
    for template in templates:
        labels = template["metadata"]["labels"]
        assert sum(_selects(spec["podSelector"], labels) for spec in chosen) == 1


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", [])
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(item["key"]) in item["values"] for item in expressions
    )


@pytest.mark.parametrize("name", sample_names())
def test_every_pod_is_restricted(name: str) -> None:
    stack = make_stack(resource_from(sample(name)), Observed(), SURROUNDINGS)
    for item in desired(stack):
        if item.ref.kind not in {"Deployment", "StatefulSet", "Job"}:
            continue
        spec = dict(item.manifest)["spec"]["template"]["spec"]  # type: ignore[index]  # a tree of dictionaries
        assert spec["securityContext"] == pod_security()
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert {"cpu", "memory", "ephemeral-storage"} == set(container["resources"]["limits"])


def test_an_image_is_known_by_its_name() -> None:
    assert image_name("registry:5000/a/ip2a-app:1@sha256:00") == "ip2a-app"
    assert image_name("ip2a-app") == "ip2a-app"
    assert stack_of({"app": {"image": "mirror.example/x/ip2a-app:9"}}).is_platform
    assert not stack_of({"app": {"image": "mirror.example/ip2a-app/other:9"}}).is_platform
    assert IMAGES.app != "ip2a-app"


def test_names_of_jobs_fit_kubernetes_and_stay_apart() -> None:
    spec = {"app": {"jobs": [{"name": f"reconcile-payments{n}", "schedule": "@daily"} for n in "ab"]}}
    raw = resource_from({**sample("minimal"), "spec": {**sample("minimal")["spec"], **spec}}, name="n" * 40)
    stack = make_stack(raw, Observed(), SURROUNDINGS)
    found = [item.ref.name for item in desired(stack) if item.ref.kind == "CronJob"]
    assert len(set(found)) == 2
    assert all(len(name) <= 52 for name in found)


def test_jobs_follow_the_services_that_there_are() -> None:
    def jobs(spec: dict[str, Any]) -> set[str]:
        return {
            item.ref.name.removeprefix("local46-") for item in desired(stack_of(spec)) if item.ref.kind == "CronJob"
        }

    nightly = {"mark-overdue", "enforce-referral", "extend-audit", "clean-up"}
    assert jobs({}) == nightly
    assert jobs({"payments": {"credentials": {"name": "stripe"}}}) == nightly | {"reconcile-payments"}
    storage = {"endpoint": "https://s3.example.org", "bucket": "files", "credentials": {"name": "s3"}}
    assert jobs({"storage": storage}) == nightly | {"export-audit"}
    assert jobs({"app": {"jobs": []}}) == set()
    assert jobs({"app": {"image": "shop:1"}}) == set()


def test_addresses_outside_are_allowed_by_the_port_of_their_url() -> None:
    storage = {"endpoint": "http://s3.example:9000", "bucket": "documents", "credentials": {"name": "s3"}}
    backup = {"destination": "s3://backups/here", "endpoint": "http://minio:9100", "credentials": {"name": "s3"}}
    found = {text(item, "metadata", "name"): item for item in policies(stack_of({"storage": storage}))}
    assert ports_to_anywhere(found["local46-app"]) == [9000]
    found = {text(item, "metadata", "name"): item for item in policies(stack_of({"database": {"backup": backup}}))}
    assert ports_to_anywhere(found["local46-db"]) == [443, 6443, 9100]


def ports_to_anywhere(policy: Manifest) -> list[int]:
    rules = branches(policy, "spec", "egress")
    return [number(port, "port") for rule in rules if "to" not in rule for port in branches(rule, "ports")]


BACKUP = {"destination": "s3://backups/here", "credentials": {"name": "s3"}}


def test_a_database_that_is_backed_up_runs_the_image_that_can() -> None:
    def image(**database: Any) -> str:
        return str(rendered({"database": database}, "Cluster", "local46-db")["spec"]["imageName"])

    assert image() == IMAGES.postgresql
    assert image(backup=BACKUP) == IMAGES.postgresql_backup != IMAGES.postgresql
    assert image(backup=BACKUP, image="mine:17") == "mine:17"


def pod_specs(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Where the pods of each object are specified."""
    found: dict[str, dict[str, Any]] = {}
    for item in desired(stack_of(spec)):
        made: Any = item.manifest.get("spec", {})
        if item.ref.kind == "CronJob":
            made = made["jobTemplate"]["spec"]
        if item.ref.kind == "Cluster":
            found[str(item.ref)] = made
        elif "template" in made:
            found[str(item.ref)] = made["template"]["spec"]
    return found


def test_a_priority_reaches_every_pod_and_only_when_it_is_given() -> None:
    given = pod_specs({"priorityClassName": "important"})
    assert {"Deployment", "StatefulSet", "Cluster", "Pooler", "Job", "CronJob"} == {name.split()[0] for name in given}
    assert {spec.get("priorityClassName") for spec in given.values()} == {"important"}
    assert not any("priorityClassName" in spec for spec in pod_specs({}).values())


def test_poolers_of_several_pods_are_evicted_one_at_a_time() -> None:
    def budgets(pods: int) -> set[str]:
        spec = {"pooling": {"write": {"pods": pods, "size": 5}, "read": {"pods": 1, "size": 5}}}
        return {item.ref.name for item in desired(stack_of(spec)) if item.ref.kind == "PodDisruptionBudget"}

    assert budgets(2) - budgets(1) == {"local46-pool-rw"}
    spec = {"pooling": {"write": {"pods": 2, "size": 5}}}
    made = rendered(spec, "PodDisruptionBudget", "local46-pool-rw")
    assert made["spec"]["selector"] == {"matchLabels": {"cnpg.io/poolerName": "local46-pool-rw"}}


def alerts(spec: dict[str, Any]) -> dict[str, str]:
    (group,) = rendered(spec, "PrometheusRule", "local46")["spec"]["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def test_an_app_without_any_pod_is_down_and_one_without_metrics_is_not_judged() -> None:
    down = alerts({})["IP2AAppDown"]
    assert down.startswith('absent(up{namespace="members",pod=~"local46-app-.*"}) or ')
    assert "IP2AAppDown" not in alerts({"app": {"image": "shop:1"}})
    assert "IP2AAppDown" in alerts({"app": {"image": "shop:1", "metrics": True}})


def test_the_worker_is_scraped_when_it_is_the_platforms() -> None:
    def monitored(app: dict[str, Any]) -> bool:
        stack = stack_of({"app": app})
        return any(item.ref[1:] == ("PodMonitor", "local46-worker") for item in desired(stack))

    assert monitored({})
    assert not monitored({"worker": {"enabled": False}})
    assert not monitored({"worker": {"command": ["mine"]}})
    assert not monitored({"image": "shop:1", "worker": {"enabled": True}})
