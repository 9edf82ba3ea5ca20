"""PostgreSQL and its poolers, as CloudNativePG resources."""

from ip2a_operator.domain.builders.metadata import Component, budget, manifest
from ip2a_operator.domain.builders.podspec import priority, resources
from ip2a_operator.domain.capacity import PoolSizes
from ip2a_operator.domain.ledger import AUDIT_READERS
from ip2a_operator.domain.logins import Slot, role, secret
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest
from ip2a_operator.names import (
    APP_ROLE,
    AUDIT_ROLE,
    DATABASE,
    GRANTED_ANNOTATION,
    OWNER_LABEL,
    OWNER_ROLE,
    POOLER_LABEL,
    WORKER_ROLE,
)

API = "postgresql.cnpg.io/v1"
SMART_SHUTDOWN_SECONDS = 2
"""Pooled connections never end by themselves, so waiting for them only delays a switch-over."""
STOP_SECONDS = 30
SWITCHOVER_SECONDS = 60
POOLER_DRAIN_SECONDS = 40
"""Longer than the app keeps a connection (IP2A_DB_POOL_RECYCLE), so that an ending pooler has lost its
clients."""

_DEFAULTS = f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER_ROLE}"
# The application's role exists before CloudNativePG gives it a password, so that whatever the owner's
# migrations
# create is usable by it without a GRANT in every migration.
BOOTSTRAP_SQL = (
    f"CREATE ROLE {APP_ROLE} LOGIN",
    f"{_DEFAULTS} GRANT USAGE ON SCHEMAS TO {APP_ROLE}",
    f"{_DEFAULTS} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE}",
    f"{_DEFAULTS} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {APP_ROLE}",
    f"{_DEFAULTS} GRANT EXECUTE ON ROUTINES TO {APP_ROLE}",
)

STATEMENT_TIMEOUTS = {APP_ROLE: "15s", WORKER_ROLE: "60s", AUDIT_ROLE: "30s"}
"""The longest that a statement of each of the platform's roles may take. CloudNativePG's roles have no settings, and a
role's are not inherited: so each is made with them, the second logins too, and gets its login and password from
CloudNativePG afterwards.
"""


def cluster(stack: Stack) -> Manifest | None:
    """The CloudNativePG Cluster; none for an external database."""
    wanted = stack.resource.spec.database
    if wanted.external is not None:
        return None
    storage: dict[str, object] = {"size": wanted.storage.size}
    if wanted.storage.storage_class:
        storage["storageClass"] = wanted.storage.storage_class
    spec: dict[str, object] = {
        "instances": stack.sizes.instances,
        "imageName": stack.database_image,
        "imagePullPolicy": stack.images.pull_policy,
        "storage": storage,
        "resources": resources(stack.sizes.database, wanted.resources),
        "enablePDB": stack.sizes.instances > 1,
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover",
        "smartShutdownTimeout": SMART_SHUTDOWN_SECONDS,
        "stopDelay": STOP_SECONDS,
        "switchoverDelay": SWITCHOVER_SECONDS,
        "monitoring": {"metricsQueriesTTL": "1s"},
        "inheritedMetadata": {"labels": {OWNER_LABEL: stack.name}},
        "certificates": {"serverAltDNSNames": _pooler_names(stack)},
        "bootstrap": {
            "initdb": {
                "database": DATABASE,
                "owner": OWNER_ROLE,
                "secret": {"name": stack.owner_secret},
                "postInitApplicationSQL": _bootstrap(stack),
            }
        },
        "managed": {"roles": _roles(stack)},
        "postgresql": _postgresql(stack),
        **priority(stack),
    }
    if backup := _backup(stack):
        spec["backup"] = backup
    notes = {GRANTED_ANNOTATION: stack.growth.note} if stack.growth and stack.growth.note else None
    return manifest(stack, API, "Cluster", stack.database, Component.DATABASE, annotations=notes, spec=spec)


def _bootstrap(stack: Stack) -> list[str]:
    """What is done in a new database, before anybody but the superuser may log in."""
    statements = list(BOOTSTRAP_SQL)
    if stack.has_own_roles:
        for name, timeout in STATEMENT_TIMEOUTS.items():
            logins = [name] if name == AUDIT_ROLE else [role(name, "a"), role(name, "b")]
            statements += [f"CREATE ROLE {login}" for login in logins if login != APP_ROLE]
            statements += [f"ALTER ROLE {login} SET statement_timeout = '{timeout}'" for login in logins]
    return statements


def _roles(stack: Stack) -> list[dict[str, object]]:
    """The application's logins, each with the rights of the first of its pair, and the reader of the audit trail."""
    found = [_login(stack, name, where, "a") for name, where in stack.turns]
    if stack.logins.second:
        found += [{**_login(stack, name, where, "b"), "inRoles": [name]} for name, where in stack.turns]
    if stack.has_own_roles:
        found.append(_role(AUDIT_ROLE, stack.audit_secret, AUDIT_READERS))
    return found


def _login(stack: Stack, name: str, where: str, slot: Slot) -> dict[str, object]:
    # The limit is a tripwire above the ledger, not the one that PgBouncer keeps.
    wanted = _role(role(name, slot), secret(where, slot), stack.max_connections)
    return {**wanted, "login": slot in stack.logins.enabled}


def _role(name: str, where: str, limit: int) -> dict[str, object]:
    return {
        "name": name,
        "ensure": "present",
        "login": True,
        "passwordSecret": {"name": where},
        "connectionLimit": limit,
    }


def _postgresql(stack: Stack) -> dict[str, object]:
    wanted = stack.resource.spec.database
    parameters = {
        "shared_buffers": f"{stack.sizes.shared_buffers}MB",
        **wanted.parameters,
        "max_connections": str(stack.max_connections),
    }
    postgresql: dict[str, object] = {"parameters": parameters}
    if wanted.durability == "synchronous" and stack.sizes.instances > 1:
        durability = "required" if stack.sizes.instances > 2 else "preferred"
        postgresql["synchronous"] = {"method": "any", "number": 1, "dataDurability": durability}
    return postgresql


def _pooler_names(stack: Stack) -> list[str]:
    """Names under which the app reaches the poolers: they serve with the cluster's certificate."""
    names = []
    for pool in (stack.write_pool, stack.read_pool):
        service = f"{pool}.{stack.namespace}"
        names += [pool, service, f"{service}.svc", f"{service}.svc.cluster.local"]
    return names


def _backup(stack: Stack) -> dict[str, object] | None:
    wanted = stack.resource.spec.database.backup
    if wanted is None:
        return None
    secret = wanted.credentials.name
    store: dict[str, object] = {
        "destinationPath": wanted.destination,
        "s3Credentials": {
            "accessKeyId": {"name": secret, "key": "access-key-id"},
            "secretAccessKey": {"name": secret, "key": "secret-access-key"},
        },
        "wal": {"compression": "gzip"},
        "data": {"compression": "gzip"},
    }
    if wanted.endpoint:
        store["endpointURL"] = wanted.endpoint
    return {"barmanObjectStore": store, "retentionPolicy": wanted.retention}


def scheduled_backup(stack: Stack) -> Manifest | None:
    """Base backups on a schedule; CloudNativePG's cron has a field for seconds in front."""
    backup = stack.resource.spec.database.backup
    if backup is None:
        return None
    schedule = backup.schedule if backup.schedule.startswith("@") else f"0 {backup.schedule}"
    return manifest(
        stack,
        API,
        "ScheduledBackup",
        stack.database,
        Component.DATABASE,
        spec={
            "schedule": schedule,
            "immediate": True,
            "backupOwnerReference": "self",
            "cluster": {"name": stack.database},
        },
    )


def poolers(stack: Stack) -> list[Manifest]:
    """PgBouncer to the primary and, with replicas, to these."""
    if stack.resource.spec.database.external is not None:
        return []
    found = [_pooler(stack, stack.write_pool, "rw", stack.sizes.write)]
    if stack.sizes.read is not None:
        found.append(_pooler(stack, stack.read_pool, "ro", stack.sizes.read))
    return found


def disruption_budgets(stack: Stack) -> list[Manifest]:
    """One pooler pod at a time, where there are several; CloudNativePG makes budgets for instances alone."""
    if stack.resource.spec.database.external is not None:
        return []
    pools = {stack.write_pool: stack.sizes.write, stack.read_pool: stack.sizes.read}
    return [
        budget(stack, name, Component.POOLER, {POOLER_LABEL: name})
        for name, pool in pools.items()
        if pool is not None and pool.pods > 1
    ]


def _pooler(stack: Stack, name: str, kind: str, pool: PoolSizes) -> Manifest:
    container: dict[str, object] = {
        "name": "pgbouncer",
        "imagePullPolicy": stack.images.pull_policy,
        "resources": resources(stack.sizes.pooler, stack.resource.spec.pooling.resources),
        "lifecycle": {"preStop": {"sleep": {"seconds": POOLER_DRAIN_SECONDS}}},
    }
    return manifest(
        stack,
        API,
        "Pooler",
        name,
        Component.POOLER,
        spec={
            "cluster": {"name": stack.database},
            "type": kind,
            "instances": pool.pods,
            "pgbouncer": {
                "poolMode": "transaction",
                "image": stack.images.pgbouncer,
                "parameters": {
                    "default_pool_size": str(pool.size),
                    "reserve_pool_size": str(pool.reserve),
                    "max_db_connections": str(pool.size + pool.reserve),
                    "max_client_conn": str(pool.max_clients),
                    "max_prepared_statements": "200",
                    "server_lifetime": "300",
                    "query_wait_timeout": "10",
                },
            },
            "deploymentStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": {
                "metadata": {"labels": {OWNER_LABEL: stack.name}},
                "spec": {
                    "containers": [container],
                    "terminationGracePeriodSeconds": POOLER_DRAIN_SECONDS + 20,
                    **priority(stack),
                },
            },
        },
    )
