"""The app: Deployment, Service, ServiceAccount, disruption budget, and the Ingress or HTTPRoute to it."""

from ip2a_operator.domain.builders.app_env import serving_env
from ip2a_operator.domain.builders.app_pod import Run, pod_template
from ip2a_operator.domain.builders.metadata import Component, budget, manifest, selector
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest
from ip2a_operator.names import HTTP_PORT_NAME

SERVICE_PORT = 80
PROGRESS_DEADLINE_SECONDS = 300


def deployment(stack: Stack) -> Manifest:
    """Serves; replaced pod by pod, never with fewer than wanted."""
    app = stack.resource.spec.app
    command, args = app.command, app.args
    if not command and not args and stack.is_platform:
        command, args = ("ip2a-app",), ("serve",)
    run = Run(Component.APP, command, args, serving_env(stack), serves=True, given=app.resources)
    return manifest(
        stack,
        "apps/v1",
        "Deployment",
        stack.app,
        Component.APP,
        spec={
            "replicas": stack.sizes.app_replicas,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "selector": {"matchLabels": selector(stack, Component.APP)},
            "template": pod_template(stack, run),
        },
    )


def service(stack: Stack) -> Manifest:
    """The address the ingress sends requests to."""
    return manifest(
        stack,
        "v1",
        "Service",
        stack.app,
        Component.APP,
        spec={
            "type": "ClusterIP",
            "selector": selector(stack, Component.APP),
            "ports": [
                {
                    "name": HTTP_PORT_NAME,
                    "port": SERVICE_PORT,
                    "targetPort": HTTP_PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    )


def service_account(stack: Stack) -> Manifest:
    """An identity that can do nothing: no token is mounted."""
    return manifest(stack, "v1", "ServiceAccount", stack.app, Component.APP, automountServiceAccountToken=False)


def disruption_budgets(stack: Stack) -> list[Manifest]:
    """One pod at a time; none for a single pod, where it would only block node drains."""
    pods = {Component.APP: stack.sizes.app_replicas, Component.WORKER: stack.sizes.workers}
    names = {Component.APP: stack.app, Component.WORKER: stack.worker}
    return [
        budget(stack, names[component], component, selector(stack, component))
        for component, count in pods.items()
        if count > 1
    ]


def ingress(stack: Stack) -> Manifest | None:
    """The way in, unless a Gateway is."""
    wanted = stack.resource.spec.ingress
    if wanted is None or wanted.parent_refs:
        return None
    backend = {"service": {"name": stack.app, "port": {"name": HTTP_PORT_NAME}}}
    spec: dict[str, object] = {
        "rules": [
            {
                "host": wanted.host,
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }
        ]
    }
    if wanted.class_name:
        spec["ingressClassName"] = wanted.class_name
    if wanted.tls is not None:
        tls: dict[str, object] = {"hosts": [wanted.host]}
        if wanted.tls.secret_name:
            tls["secretName"] = wanted.tls.secret_name
        spec["tls"] = [tls]
    return manifest(
        stack,
        "networking.k8s.io/v1",
        "Ingress",
        stack.app,
        Component.APP,
        annotations=wanted.annotations,
        spec=spec,
    )


def http_route(stack: Stack) -> Manifest | None:
    """The way in through the Gateway API."""
    wanted = stack.resource.spec.ingress
    if wanted is None or not wanted.parent_refs or "HTTPRoute" not in stack.offered:
        return None
    parents = [reference.model_dump(by_alias=True, exclude_none=True) for reference in wanted.parent_refs]
    return manifest(
        stack,
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        stack.app,
        Component.APP,
        annotations=wanted.annotations,
        spec={
            "parentRefs": parents,
            "hostnames": [wanted.host],
            "rules": [{"backendRefs": [{"name": stack.app, "port": SERVICE_PORT}]}],
        },
    )
