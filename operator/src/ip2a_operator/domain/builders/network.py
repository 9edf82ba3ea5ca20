"""NetworkPolicies: everything is denied, and each flow that the product needs is named once.

Every policy selects the pods of one component for both directions, so that an unnamed flow is refused at
either
end. Addresses that may be outside the cluster (the API server, S3, SMTP, Prometheus, the payment provider) cannot be
selected by label: they are allowed by port, to anywhere. Probes come from the node, which NetworkPolicies never refuse.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ip2a_operator.domain.builders.metadata import Component, manifest, selector
from ip2a_operator.domain.builders.redis import is_wanted
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest
from ip2a_operator.names import OPS_PORT, POSTGRES_PORT, REDIS_EXPORTER_PORT, REDIS_PORT

Peer = Mapping[str, object]
Flow = Mapping[str, object]

INSTANCE_STATUS_PORT: Final = 8000
INSTANCE_METRICS_PORT: Final = 9187
POOLER_METRICS_PORT: Final = 9127
API_PORTS: Final = (443, 6443)
HTTPS: Final = 443
DNS_PORTS: Final = (53, 1053, 5353)
"""Policies see the port of the pod behind the Service: the usual one, an unprivileged CoreDNS's, OpenShift's."""
ANYWHERE: Final[Peer] = {"namespaceSelector": {}}
"""Any pod of the cluster."""


def policies(stack: Stack) -> list[Manifest]:
    """One policy for each component that runs; none when the spec turns them off."""
    spec = stack.resource.spec
    if not spec.security.network_policy:
        return []
    found = [_app(stack), _jobs(stack)]
    if spec.database.external is None:
        found += [_database(stack), *_poolers(stack)]
    if is_wanted(stack):
        found.append(_redis(stack))
    return found


def _app(stack: Stack) -> Manifest:
    app = stack.resource.spec.app
    namespace = stack.resource.spec.security.ingress_namespace
    front: Peer = ANYWHERE
    if namespace:
        front = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    ingress = [_from([front], app.port), _from([ANYWHERE], OPS_PORT)]
    egress = _app_egress(stack)
    if prometheus := stack.resource.spec.monitoring.prometheus_url:
        egress.append(_to([], _port_of(prometheus)))
    return _policy(stack, stack.app, Component.APP, pods=_pods(stack, Component.APP), ingress=ingress, egress=egress)


def _jobs(stack: Stack) -> Manifest:
    """The worker and the CronJobs, which are only scraped, and the migration, which skips the poolers."""
    components = [Component.WORKER.value, Component.MIGRATION.value]
    chosen = {
        "matchLabels": {k: v for k, v in selector(stack, Component.WORKER).items() if "component" not in k},
        "matchExpressions": [
            {"key": "app.kubernetes.io/component", "operator": "In", "values": components},
        ],
    }
    egress = _app_egress(stack)
    if stack.resource.spec.database.external is None:
        egress.append(_to([_instances(stack)], POSTGRES_PORT))
    return _policy(
        stack, stack.worker, Component.WORKER, pods=chosen, ingress=[_from([ANYWHERE], OPS_PORT)], egress=egress
    )


def _app_egress(stack: Stack) -> list[Flow]:
    spec = stack.resource.spec
    egress = [_dns()]
    if spec.database.external is not None:
        egress.append(_to([], spec.database.external.port))
    else:
        egress.append(_to([_pooler(name) for name in _pooler_names(stack)], POSTGRES_PORT))
    if is_wanted(stack):
        egress.append(_to([{"podSelector": _pods(stack, Component.CACHE)}], REDIS_PORT))
    elif spec.cache.external is not None and spec.cache.enabled:
        egress.append(_to([], spec.cache.external.port))
    if outside := _outside_ports(stack):
        egress.append(_to([], *outside))
    return egress


def _outside_ports(stack: Stack) -> list[int]:
    """Ports of the services that the spec names by URL or host."""
    spec = stack.resource.spec
    ports = set()
    if spec.storage is not None:
        ports.add(_port_of(spec.storage.endpoint))
    if spec.mail is not None:
        ports.add(spec.mail.port)
    if spec.payments is not None:
        ports.add(_port_of(spec.payments.endpoint) if spec.payments.endpoint else HTTPS)
    return sorted(ports)


def _port_of(url: str) -> int:
    """The port of an http(s) URL."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0]
    _, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return int(port)
    return HTTPS if scheme == "https" else 80


def _database(stack: Stack) -> Manifest:
    instances = _instances(stack)
    migration = {"podSelector": _pods(stack, Component.MIGRATION)}
    clients = [_of_cluster(stack), migration]
    ingress = [
        _from(clients, POSTGRES_PORT),
        # CloudNativePG's operator, whose namespace is the cluster's affair; mutual TLS guards the port.
        _from([ANYWHERE], INSTANCE_STATUS_PORT),
        _from([ANYWHERE], INSTANCE_METRICS_PORT),
    ]
    egress = [_dns(), _to([instances], POSTGRES_PORT, INSTANCE_STATUS_PORT), _to([], *API_PORTS)]
    backup = stack.resource.spec.database.backup
    if backup is not None and backup.endpoint and _port_of(backup.endpoint) not in API_PORTS:
        egress.append(_to([], _port_of(backup.endpoint)))
    chosen = {"matchLabels": {"cnpg.io/cluster": stack.database, "cnpg.io/podRole": "instance"}}
    return _policy(stack, stack.database, Component.DATABASE, pods=chosen, ingress=ingress, egress=egress)


def _poolers(stack: Stack) -> list[Manifest]:
    clients = [{"podSelector": _pods(stack, component)} for component in (Component.APP, Component.WORKER)]
    ingress = [_from(clients, POSTGRES_PORT), _from([ANYWHERE], POOLER_METRICS_PORT)]
    egress = [_dns(), _to([_instances(stack)], POSTGRES_PORT), _to([], *API_PORTS)]
    return [
        _policy(stack, name, Component.POOLER, pods=_pooler_pods(name), ingress=ingress, egress=egress)
        for name in _pooler_names(stack)
    ]


def _redis(stack: Stack) -> Manifest:
    readers = (Component.APP, Component.WORKER, Component.MIGRATION)
    clients = [{"podSelector": _pods(stack, component)} for component in readers]
    ingress = [_from(clients, REDIS_PORT), _from([ANYWHERE], REDIS_EXPORTER_PORT)]
    return _policy(stack, stack.redis, Component.CACHE, pods=_pods(stack, Component.CACHE), ingress=ingress, egress=[])


def _policy(
    stack: Stack,
    name: str,
    component: Component,
    *,
    pods: Mapping[str, object],
    ingress: Sequence[Flow],
    egress: Sequence[Flow],
) -> Manifest:
    spec = {
        "podSelector": pods,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }
    return manifest(stack, "networking.k8s.io/v1", "NetworkPolicy", name, component, spec=spec)


def _pooler_names(stack: Stack) -> list[str]:
    return [stack.write_pool, *([stack.read_pool] if stack.sizes.read else [])]


def _pods(stack: Stack, component: Component) -> Peer:
    return {"matchLabels": selector(stack, component)}


def _pooler_pods(name: str) -> Peer:
    return {"matchLabels": {"cnpg.io/poolerName": name}}


def _pooler(name: str) -> Peer:
    return {"podSelector": _pooler_pods(name)}


def _instances(stack: Stack) -> Peer:
    """Those that PostgreSQL runs in."""
    return {"podSelector": {"matchLabels": {"cnpg.io/cluster": stack.database, "cnpg.io/podRole": "instance"}}}


def _of_cluster(stack: Stack) -> Peer:
    """Instances, the Jobs that make them, and the poolers: CloudNativePG gives all of them the cluster's label."""
    return {"podSelector": {"matchLabels": {"cnpg.io/cluster": stack.database}}}


def _dns() -> Flow:
    ports = [{"port": port, "protocol": protocol} for port in DNS_PORTS for protocol in ("UDP", "TCP")]
    return {"to": [ANYWHERE], "ports": ports}


def _from(peers: Sequence[Peer], *ports: int) -> Flow:
    return {"from": peers, "ports": [{"port": port, "protocol": "TCP"} for port in ports]}


def _to(peers: Sequence[Peer], *ports: int) -> Flow:
    """No peers: anywhere, also outside the cluster."""
    flow: Flow = {"ports": [{"port": port, "protocol": "TCP"} for port in ports]}
    return {"to": peers, **flow} if peers else flow
