"""Monitors and rules of the Prometheus operator, where its CRDs exist. Alerts say what to do, in
docs/operator.md."""

from typing import Final

from ip2a_operator.domain.autoscaling.triggers import FEW_READS, alerting
from ip2a_operator.domain.builders.metadata import Component, manifest, selector
from ip2a_operator.domain.builders.redis import is_wanted
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest
from ip2a_operator.names import OPS_PORT_NAME

API: Final = "monitoring.coreos.com/v1"
LABELS: Final = {
    "ip2a": "ip2a_dev_owner",
    "component": "app_kubernetes_io_component",
    "pooler": "cnpg_io_poolerName",
    "role": "cnpg_io_instanceRole",
}
"""Labels that the autoscaler's queries group by, from labels of the pods."""


def monitors(stack: Stack) -> list[Manifest]:
    """PodMonitors for the app, its worker, the database, the poolers and Redis, and one set of rules."""
    if not stack.resource.spec.monitoring.enabled:
        return []
    found: list[Manifest] = []
    if "PodMonitor" in stack.offered:
        found += _pod_monitors(stack)
    if "PrometheusRule" in stack.offered:
        found.append(_rules(stack))
    return found


def _pod_monitors(stack: Stack) -> list[Manifest]:
    found = []
    if stack.serves_metrics:
        chosen = selector(stack, Component.APP)
        found.append(_pod_monitor(stack, stack.app, Component.APP, chosen, OPS_PORT_NAME))
    if stack.sizes.workers and stack.worker_is_ours:
        chosen = selector(stack, Component.WORKER)
        found.append(_pod_monitor(stack, stack.worker, Component.WORKER, chosen, OPS_PORT_NAME))
    if stack.resource.spec.database.external is None:
        instances = {"cnpg.io/cluster": stack.database, "cnpg.io/podRole": "instance"}
        found.append(_pod_monitor(stack, stack.database, Component.DATABASE, instances, "metrics"))
        for name in (stack.write_pool, *([stack.read_pool] if stack.sizes.read else [])):
            found.append(_pod_monitor(stack, name, Component.POOLER, {"cnpg.io/poolerName": name}, "metrics"))
    if is_wanted(stack):
        chosen = selector(stack, Component.CACHE)
        found.append(_pod_monitor(stack, stack.redis, Component.CACHE, chosen, "metrics"))
    return found


def _pod_monitor(stack: Stack, name: str, component: Component, chosen: dict[str, str], port: str) -> Manifest:
    interval = f"{stack.resource.spec.monitoring.scrape_interval_seconds}s"
    relabelings = [
        {"sourceLabels": [f"__meta_kubernetes_pod_label_{source}"], "targetLabel": label}
        for label, source in LABELS.items()
    ]
    spec = {
        "selector": {"matchLabels": chosen},
        "podMetricsEndpoints": [{"port": port, "interval": interval, "relabelings": relabelings}],
    }
    return manifest(stack, API, "PodMonitor", name, component, spec=spec)


def _rules(stack: Stack) -> Manifest:
    where = f'namespace="{stack.namespace}"'
    app = f'up{{{where},pod=~"{stack.app}-.*"}}'
    # `sum` of no series at all is no series: without `absent`, an app without any pod would alarm nobody
    down = _alert("IP2AAppDown", f"absent({app}) or sum({app}) < 1", "2m", "critical", "no app pod answers")
    rules = [
        *([down] if stack.serves_metrics else []),
        _alert(
            "IP2AReplicaLag",
            f'max(cnpg_pg_replication_lag{{{where},pod=~"{stack.database}-.*"}}) > 30',
            "5m",
            "warning",
            "a replica is more than 30 s behind",
        ),
        _alert(
            "IP2APoolWaiting",
            f'max(cnpg_pgbouncer_pools_maxwait{{{where},pod=~"{stack.name}-pool-.*"}}) > 1',
            "2m",
            "warning",
            "clients wait longer than a second for a server connection",
        ),
        *_triggers(stack, where),
    ]
    groups = [{"name": f"{stack.name}.rules", "rules": rules}]
    return manifest(stack, API, "PrometheusRule", stack.name, Component.APP, spec={"groups": groups})


TRIGGERS: Final = {
    "connections-warn": ("IP2AConnectionsHigh", "5m", "warning"),
    "connections-critical": ("IP2AConnectionsCritical", "1m", "critical"),
    "cache-warn": ("IP2ACacheHitLow", "10m", "warning"),
    "cache-critical": ("IP2ACacheHitCritical", "5m", "critical"),
}
"""Alert, how long it must hold, and severity of each trigger of the autoscaler that alerts."""


def _triggers(stack: Stack, where: str) -> list[dict[str, object]]:
    """The requirement's alerts, at the autoscaler's own thresholds."""
    reads = f'ip2a_cache_requests_total{{{where},pod=~"{stack.app}-.*"'
    hits, all_reads = (
        f'sum(rate({reads},result="hit"}}[5m])) or vector(0)',
        f'sum(rate({reads},result=~"hit|miss"}}[5m]))',
    )
    database = f'{where},pod=~"{stack.database}-.*"'
    used = f"max(sum by (pod) (cnpg_backends_total{{{database}}}))"
    granted = f'min(cnpg_pg_settings_setting{{{database},name="max_connections"}})'
    found = []
    for trigger, _, threshold, below in alerting(1):
        name, duration, severity = TRIGGERS[trigger]
        if below:
            expression = f"({hits}) / {all_reads} < {threshold:g} and {all_reads} > {FEW_READS:g}"
            summary = f"the cache answers less than {threshold:.0%} of the reads"
        elif stack.resource.spec.database.external is None:
            expression = f"{used} / {granted} > {threshold:g}"
            summary = f"more than {threshold:.0%} of PostgreSQL's connections are open"
        else:
            continue
        found.append(_alert(name, expression, duration, severity, summary))
    return found


def _alert(name: str, expression: str, duration: str, severity: str, summary: str) -> dict[str, object]:
    return {
        "alert": name,
        "expr": expression,
        "for": duration,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": f"docs/operator.md, alerts: {name}"},
    }
