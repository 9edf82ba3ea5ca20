"""The pod that runs the app's image, for whichever workload: serving, migrating, working, on a schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ip2a_operator.api.workload import Probe, Probes, Resources
from ip2a_operator.domain.builders.app_env import ca_mount, ca_volume
from ip2a_operator.domain.builders.metadata import Component, digest, labels
from ip2a_operator.domain.builders.podspec import (
    container_security,
    empty_dirs,
    pod_security,
    priority,
    resources,
    spread,
)
from ip2a_operator.domain.capacity import Amounts
from ip2a_operator.domain.stack import Stack
from ip2a_operator.names import (
    CHECKSUM_ANNOTATION,
    HTTP_PORT_NAME,
    LOGIN_ANNOTATION,
    OPS_PORT,
    OPS_PORT_NAME,
    RESTART_ANNOTATION,
)

DRAIN_SECONDS = 5
"""How long an ending pod still answers, while endpoints and ingress forget it."""
GRACE_SECONDS = 40
PATIENCE = 5
"""Seconds a probe of the platform may take: a container at its CPU limit runs for a tenth of the time."""
GATE = Amounts(cpu=10, memory=16, cpu_limit=500, memory_limit=64)
_LIBPQ: Sequence[Mapping[str, object]] = [
    {"name": f"PG{theirs}", "value": f"$(IP2A_DB_{ours})"}
    for theirs, ours in (
        ("HOST", "WRITE_HOST"),
        ("PORT", "PORT"),
        ("DATABASE", "NAME"),
        ("USER", "USER"),
        ("PASSWORD", "PASSWORD"),
        ("SSLMODE", "SSLMODE"),
        ("SSLROOTCERT", "SSLROOTCERT"),
    )
] + [{"name": "PGCONNECT_TIMEOUT", "value": "3"}]


@dataclass(frozen=True, slots=True)
class Run:
    """What to run in the app's image."""

    component: Component
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: list[dict[str, object]]
    serves: bool = False
    works: bool = False
    """Answers probes and scrapes on the port for operations, and nothing else."""
    given: Resources | None = None


def pod_template(stack: Stack, run: Run, *, restart_policy: str = "Always") -> dict[str, object]:
    """Metadata and spec of a pod template."""
    app = stack.resource.spec.app
    annotations = {CHECKSUM_ANNOTATION: digest(_used_secrets(stack, run.env))}
    if restarted := stack.resource.annotations.get(RESTART_ANNOTATION):
        annotations[RESTART_ANNOTATION] = restarted
    if stack.logins.serving == "b" and run.component is not Component.MIGRATION:
        annotations[LOGIN_ANNOTATION] = "b"
    if run.works or (run.serves and stack.serves_metrics):
        annotations |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(OPS_PORT),
            "prometheus.io/path": "/metrics",
        }
    volumes, mounts = empty_dirs(app.writable_paths)
    containers = [_container(stack, run, [*ca_mount(stack), *mounts, *app.volume_mounts])]
    if run.serves and app.probes is not None and app.probes.require_database:
        containers.append(_database_gate(stack, run))
    spec: dict[str, object] = {
        "serviceAccountName": stack.app,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": restart_policy,
        "securityContext": pod_security(app.run_as_user),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": containers,
        "volumes": [*ca_volume(stack), *volumes, *app.volumes],
        **priority(stack),
    }
    if app.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret.name} for secret in app.image_pull_secrets]
    if restart_policy == "Always":
        spec["topologySpreadConstraints"] = spread(stack, run.component)
    return {"metadata": {"labels": labels(stack, run.component), "annotations": annotations}, "spec": spec}


def _container(stack: Stack, run: Run, mounts: Sequence[Mapping[str, object]]) -> dict[str, object]:
    app = stack.resource.spec.app
    container: dict[str, object] = {
        "name": run.component.value,
        "image": stack.app_image,
        "imagePullPolicy": app.image_pull_policy or stack.images.pull_policy,
        "env": run.env,
        "resources": resources(stack.sizes.app, run.given),
        "securityContext": container_security(),
        "volumeMounts": list(mounts),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if run.command:
        container["command"] = list(run.command)
    if run.args:
        container["args"] = list(run.args)
    if app.env_from:
        container["envFrom"] = list(app.env_from)
    if run.serves:
        container |= _serving(stack)
    if run.works:
        container |= _working()
    return container


def _working() -> dict[str, object]:
    """Ready while it takes work; restarted when it no longer answers."""

    def probe(path: str, failures: int, period: int) -> dict[str, object]:
        asked = {"path": path, "port": OPS_PORT_NAME}
        return {"httpGet": asked, "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures}

    return {
        "ports": [{"name": OPS_PORT_NAME, "containerPort": OPS_PORT, "protocol": "TCP"}],
        "readinessProbe": probe("/readyz", 3, 5),
        "livenessProbe": probe("/livez", 6, 5),
        "startupProbe": probe("/livez", 60, 1),
    }


def _database_gate(stack: Stack, run: Run) -> dict[str, object]:
    """A pod is ready when all its containers are: this one is while a query through the write pooler works."""
    names = {"USER", "PASSWORD", "WRITE_HOST", "PORT", "NAME", "SSLMODE", "SSLROOTCERT"}
    wanted = {f"IP2A_DB_{name}" for name in names}
    return {
        "name": "database-gate",
        "image": stack.images.postgresql,
        "imagePullPolicy": stack.images.pull_policy,
        "command": ["sleep", "infinity"],
        "env": [*(variable for variable in run.env if variable["name"] in wanted), *_LIBPQ],
        "readinessProbe": {
            "exec": {"command": ["psql", "--no-psqlrc", "--quiet", "--command=SELECT 1"]},
            "periodSeconds": 5,
            "timeoutSeconds": 4,
            "failureThreshold": 1,
        },
        "resources": resources(GATE),
        "securityContext": container_security(),
        "volumeMounts": ca_mount(stack),
    }


def _serving(stack: Stack) -> dict[str, object]:
    app = stack.resource.spec.app
    ports = [{"name": HTTP_PORT_NAME, "containerPort": app.port, "protocol": "TCP"}]
    if stack.serves_metrics:
        ports.append({"name": OPS_PORT_NAME, "containerPort": OPS_PORT, "protocol": "TCP"})
    probes = app.probes or Probes()
    # the platform answers them on a thread of its own: a pod full of requests is needed most of all
    asked = OPS_PORT if stack.is_platform else HTTP_PORT_NAME
    # often, so that a pod that has started is seen soon; many failures, because all of them may be slow at one time
    readiness = (5, 2) if stack.is_platform else (3, 5)

    def probe(given: Probe | None, path: str, failures: int, period: int = 5) -> dict[str, object]:
        if given is not None:
            return _given(given, app.port, failures if period == 1 else 0)
        return {
            "httpGet": {"path": path, "port": asked},
            "periodSeconds": period,
            "timeoutSeconds": PATIENCE if stack.is_platform else 3,
            "failureThreshold": failures,
        }

    return {
        "ports": ports,
        "readinessProbe": probe(probes.readiness, "/readyz", *readiness),
        "livenessProbe": probe(probes.liveness, "/livez", 6),
        "startupProbe": probe(probes.startup or probes.liveness, "/livez", 60, 1),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
    }


def _given(given: Probe, port: int, least_failures: int) -> dict[str, object]:
    """A probe of the resource's own."""
    probe: dict[str, object] = {
        "periodSeconds": given.period_seconds,
        "timeoutSeconds": given.timeout_seconds,
        "failureThreshold": max(given.failure_threshold, least_failures),
    }
    if given.http_get is not None:
        probe["httpGet"] = {"path": given.http_get.path, "port": given.http_get.port or port}
    elif given.exec is not None:
        probe["exec"] = {"command": list(given.exec.command)}
    elif given.tcp_socket is not None:
        probe["tcpSocket"] = {"port": given.tcp_socket.port or port}
    return probe


def _used_secrets(stack: Stack, env: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Digests of the Secrets that these variables read."""
    names = set()
    for variable in env:
        source = variable.get("valueFrom")
        reference = source.get("secretKeyRef") if isinstance(source, Mapping) else None
        if isinstance(reference, Mapping):
            names.add(str(reference["name"]))
    return {name: value for name, value in stack.secret_digests.items() if name in names}
