"""The kinds the operator deals with, and what it may do with each. Watches, paths and RBAC follow from this
list."""

from typing import Final, NamedTuple

from ip2a_operator.names import GROUP, KIND, PLURAL, VERSION

READ: Final = frozenset({"get", "list", "watch"})
LIST: Final = frozenset({"list"})
CREATE: Final = READ | {"create"}
WRITE: Final = READ | {"create", "patch", "delete"}


class Kind(NamedTuple):
    """One kind of object that carries our owner label."""

    group: str
    version: str
    kind: str
    plural: str
    verbs: frozenset[str] = WRITE
    optional: bool = False
    """Its CRD need not exist on the cluster."""

    @property
    def api_version(self) -> str:
        """As in a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_builtin(self) -> bool:
        """Whether every cluster has it."""
        return "." not in self.group or (self.group.endswith(".k8s.io") and not self.group.startswith("gateway."))

    def header(self) -> dict[str, str]:
        """apiVersion and kind, which lists leave out of their items."""
        return {"apiVersion": self.api_version, "kind": self.kind}

    def path(self, namespace: str, name: str = "") -> str:
        """Path of the API; the collection without a name."""
        tail = f"/{name}" if name else ""
        return f"{self._root}/namespaces/{namespace}/{self.plural}{tail}"

    @property
    def everywhere(self) -> str:
        """Path of the collection over all namespaces."""
        return f"{self._root}/{self.plural}"

    @property
    def _root(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


RESOURCE: Final = Kind(GROUP, VERSION, KIND, PLURAL)

OWNED: Final = (
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "Service", "services"),
    Kind("", "v1", "ServiceAccount", "serviceaccounts"),
    Kind("", "v1", "Pod", "pods", READ),
    Kind("apps", "v1", "Deployment", "deployments"),
    Kind("apps", "v1", "StatefulSet", "statefulsets"),
    Kind("batch", "v1", "Job", "jobs"),
    Kind("batch", "v1", "CronJob", "cronjobs"),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses"),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Kind("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
    Kind("postgresql.cnpg.io", "v1", "Pooler", "poolers"),
    Kind("postgresql.cnpg.io", "v1", "ScheduledBackup", "scheduledbackups"),
    Kind("postgresql.cnpg.io", "v1", "Backup", "backups", CREATE),
    Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", optional=True),
    Kind("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors", optional=True),
    Kind("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules", optional=True),
)

REFERENCED: Final = (Kind("", "v1", "ConfigMap", "configmaps", READ),)
"""Read where a spec names them, beside Secrets: a change replaces the pods that use it."""

SCALERS: Final = (
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", LIST),
    Kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", LIST, optional=True),
    Kind("autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers", LIST, optional=True),
)
"""Other people's scalers: looked for, so that two never set the same number."""
POD_USAGE: Final = Kind("metrics.k8s.io", "v1beta1", "PodMetrics", "pods", LIST, optional=True)

BY_KIND: Final = {(kind.api_version, kind.kind): kind for kind in (RESOURCE, *OWNED, *REFERENCED)}
