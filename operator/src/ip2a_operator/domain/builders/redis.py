"""Redis: StatefulSet with an exporter beside it, and its Service."""

from ip2a_operator.domain.builders.metadata import Component, digest, labels, manifest, selector
from ip2a_operator.domain.builders.podspec import container_security, from_secret, pod_security, priority, resources
from ip2a_operator.domain.capacity import Amounts
from ip2a_operator.domain.observed import Live
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest, branch, text
from ip2a_operator.names import CHECKSUM_ANNOTATION, REDIS_EXPORTER_PORT, REDIS_PORT

EXPORTER = Amounts(cpu=10, memory=24, cpu_limit=200, memory_limit=64)

# The passwords reach the server by a file in memory: an argument could be read by anybody on the node.
# During a
# rotation the previous password still works, until every client has the new one.
_START = """\
set -eu
umask 077
{
  printf 'port %s\\n' "$PORT"
  printf 'dir /data\\nmaxmemory %smb\\nmaxmemory-policy allkeys-lru\\n' "$MAXMEMORY"
  printf 'save ""\\nappendonly %s\\n' "$APPENDONLY"
  printf 'user default on >%s %s ~* &* +@all\\n' "$REDISCLI_AUTH" "${PREVIOUS:+>$PREVIOUS}"
} > /run/redis/redis.conf
exec redis-server /run/redis/redis.conf
"""
_CONFIG_VOLUME = {"name": "config", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}


def is_wanted(stack: Stack) -> bool:
    """Whether a Redis of our own runs."""
    cache = stack.resource.spec.cache
    return cache.enabled and cache.external is None


def stateful_set(stack: Stack) -> Manifest | None:
    """One Redis; what it holds can be lost, unless a volume is asked for."""
    if not is_wanted(stack):
        return None
    persistence = stack.resource.spec.cache.persistence
    template = {
        "metadata": {
            "labels": labels(stack, Component.CACHE),
            "annotations": {
                CHECKSUM_ANNOTATION: digest(stack.secret_digests.get(stack.redis, "")),
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(REDIS_EXPORTER_PORT),
                "prometheus.io/path": "/metrics",
            },
        },
        "spec": {
            "serviceAccountName": stack.app,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": pod_security(),
            "terminationGracePeriodSeconds": 15,
            "containers": [_server(stack), _exporter(stack)],
            "volumes": [_CONFIG_VOLUME] if persistence else [_CONFIG_VOLUME, {"name": "data", "emptyDir": {}}],
            **priority(stack),
        },
    }
    spec: dict[str, object] = {
        "replicas": 1,
        "revisionHistoryLimit": 3,
        "serviceName": _pods_service(stack),
        "selector": {"matchLabels": selector(stack, Component.CACHE)},
        "template": template,
    }
    if persistence is not None:
        claim: dict[str, object] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": persistence.size}},
        }
        if persistence.storage_class:
            claim["storageClassName"] = persistence.storage_class
        spec["volumeClaimTemplates"] = [
            {"metadata": {"name": "data", "labels": selector(stack, Component.CACHE)}, "spec": claim}
        ]
        spec["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    return manifest(stack, "apps/v1", "StatefulSet", stack.redis, Component.CACHE, spec=spec)


def _server(stack: Stack) -> dict[str, object]:
    ping = {"exec": {"command": ["sh", "-c", 'test "$(redis-cli ping)" = PONG']}, "timeoutSeconds": 3}
    return {
        "name": "redis",
        "image": stack.images.redis,
        "imagePullPolicy": stack.images.pull_policy,
        "command": ["sh", "-c", _START],
        "env": [
            {"name": "PORT", "value": str(REDIS_PORT)},
            {"name": "MAXMEMORY", "value": str(stack.sizes.cache_memory)},
            {"name": "APPENDONLY", "value": "yes" if stack.resource.spec.cache.persistence else "no"},
            from_secret("REDISCLI_AUTH", stack.redis, "password"),
            from_secret("PREVIOUS", stack.redis, "previous-password", optional=True),
        ],
        "ports": [{"name": "redis", "containerPort": REDIS_PORT, "protocol": "TCP"}],
        "readinessProbe": {**ping, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {
            "tcpSocket": {"port": "redis"},
            "periodSeconds": 10,
            "timeoutSeconds": 3,
            "failureThreshold": 6,
        },
        "resources": resources(stack.sizes.cache),
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": "/run/redis"},
            {"name": "data", "mountPath": "/data"},
        ],
    }


def _exporter(stack: Stack) -> dict[str, object]:
    return {
        "name": "exporter",
        "image": stack.images.redis_exporter,
        "imagePullPolicy": stack.images.pull_policy,
        "env": [
            {"name": "REDIS_ADDR", "value": f"redis://127.0.0.1:{REDIS_PORT}"},
            {"name": "REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "value": f":{REDIS_EXPORTER_PORT}"},
            from_secret("REDIS_PASSWORD", stack.redis, "password"),
        ],
        "ports": [{"name": "metrics", "containerPort": REDIS_EXPORTER_PORT, "protocol": "TCP"}],
        "resources": resources(EXPORTER),
        "securityContext": container_security(),
    }


def services(stack: Stack) -> list[Manifest]:
    """The address of Redis, and the names of its pods, which a StatefulSet is to have."""
    if not is_wanted(stack):
        return []
    spec = {
        "type": "ClusterIP",
        "selector": selector(stack, Component.CACHE),
        "ports": [{"name": "redis", "port": REDIS_PORT, "targetPort": "redis", "protocol": "TCP"}],
    }
    return [
        manifest(stack, "v1", "Service", stack.redis, Component.CACHE, spec=spec),
        manifest(stack, "v1", "Service", _pods_service(stack), Component.CACHE, spec={**spec, "clusterIP": "None"}),
    ]


def _pods_service(stack: Stack) -> str:
    return f"{stack.redis}-pods"


def with_fixed_name(wanted: Manifest, live: Live | None) -> Manifest:
    """A StatefulSet keeps the `serviceName` that it was made with: Kubernetes does not let it change."""
    if live is None or live.ref.kind != "StatefulSet":
        return wanted
    return {**wanted, "spec": {**branch(wanted, "spec"), "serviceName": text(live.tree, "spec", "serviceName")}}
