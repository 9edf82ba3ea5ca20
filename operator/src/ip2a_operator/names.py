"""Every name the operator writes into a cluster, once.

Names are contracts (docs/architecture.md): selectors are frozen for ever, annotations and the finalizer are
found on objects of resources that an earlier version made. Nothing here computes anything.
"""

from typing import Final

GROUP: Final = "ip2a.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "IP2A"
PLURAL: Final = "ip2as"

FIELD_MANAGER: Final = "ip2a-operator"
"""Manager of the fields that the builders set."""
AUTOSCALER_MANAGER: Final = "ip2a-autoscaler"
"""Manager of replica counts and pool sizes while the autoscaler decides them."""
FINALIZER: Final = f"{GROUP}/teardown"

OWNER_LABEL: Final = f"{GROUP}/owner"
"""Name of the IP2A an object belongs to; the watches filter on it."""
NAME_LABEL: Final = "app.kubernetes.io/name"
INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
APP_NAME: Final = "ip2a"

APPLIED_ANNOTATION: Final = f"{GROUP}/applied"
"""Digest of the manifest that was applied last; tells a changed intent from drift."""
CHECKSUM_ANNOTATION: Final = f"{GROUP}/secrets-checksum"
"""On pod templates: digest of the secrets the pods read, so that a rotation restarts exactly their readers.
"""
REFERENCES_ANNOTATION: Final = f"{GROUP}/references-checksum"
"""On pod templates: digest of what people's own Secrets and ConfigMaps hold, once it differs from the baseline."""
BASELINE_ANNOTATION: Final = f"{GROUP}/references-baseline"
"""On Deployments: that digest when it was first seen."""
RESTART_ANNOTATION: Final = f"{GROUP}/restarted-at"
"""On the resource and, copied, on its pod templates: a new value restarts the pods one by one."""
ROTATE_ANNOTATION: Final = f"{GROUP}/rotate"
"""On the resource: `WHAT=TOKEN[,...]`; WHAT is jwt, database or cache. A new token makes a new secret value.
"""
ROTATED_ANNOTATION: Final = f"{GROUP}/rotated"
"""On a generated Secret: the token of its latest rotation."""
ANNOUNCED_ANNOTATION: Final = f"{GROUP}/announced"
"""On a generated Secret: the token of a rotation whose value its readers are learning before anybody uses it."""
SERIAL_ANNOTATION: Final = f"{GROUP}/serial"
"""On the Secret of a login that takes turns with another: the higher number is the newer password."""
LOGIN_ANNOTATION: Final = f"{GROUP}/login"
"""On pod templates: `b` where the pods use the second login of a pair; the first one when it is missing."""
GRANTED_ANNOTATION: Final = f"{GROUP}/granted"
"""On a Cluster whose max_connections was raised: `FROM TO TIME`, until every instance was restarted with it."""
PAUSED_ANNOTATION: Final = f"{GROUP}/paused"
"""On the resource: `true` stops every change, like `spec.paused`."""
PAUSE_ANNOTATIONS: Final = (f"{GROUP}/pause", f"{GROUP}/pause-up", f"{GROUP}/pause-down")
"""On the resource: the time until which the autoscaler changes nothing, raises nothing, lowers nothing."""
ATTEMPT_ANNOTATION: Final = f"{GROUP}/attempt"
"""On a migration Job: how many Jobs of the same name failed before it."""
RETAINED_ANNOTATION: Final = f"{GROUP}/retained"
"""On a database that outlived its resource (deletionPolicy Retain); a resource of the same name adopts it."""

DATABASE: Final = "ip2a"
OWNER_ROLE: Final = "ip2a_owner"
APP_ROLE: Final = "ip2a_app"
WORKER_ROLE: Final = "ip2a_worker"
AUDIT_ROLE: Final = "ip2a_audit_reader"
"""Reads the audit trail and nothing else; for people, no pod uses it."""
POOLER_LABEL: Final = "cnpg.io/poolerName"
"""CloudNativePG's, on the pods of a Pooler."""
JOB_LABEL: Final = "job-name"
"""Kubernetes', on the pods of a Job."""
POSTGRES_PORT: Final = 5432
REDIS_PORT: Final = 6379
REDIS_EXPORTER_PORT: Final = 9121
HTTP_PORT_NAME: Final = "http"
OPS_PORT_NAME: Final = "ops"
OPS_PORT: Final = 9100
