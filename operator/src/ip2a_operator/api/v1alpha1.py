"""The IP2A resource, version v1alpha1: what people write, and what the operator answers.

The CRD is generated from these models (`schema.py`); a description here is what `kubectl explain` prints.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ip2a_operator.api.autoscaling import Autoscaling, AutoscalingStatus
from ip2a_operator.api.base import DnsName, Rule, Section
from ip2a_operator.api.conditions import Condition
from ip2a_operator.api.data import Cache, Database, Pooling
from ip2a_operator.api.edge import Ingress, Mail, Monitoring, Payments, Security, Storage
from ip2a_operator.api.workload import App

MAX_NAME: Final = 40
"""Longest name of a resource: the names derived from it must fit into labels of 63 characters."""

ROOT_RULES: Final = (
    Rule(
        f"size(self.metadata.name) <= {MAX_NAME}",
        f"metadata.name must have at most {MAX_NAME} characters; names of 63 are derived from it",
    ),
    Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must start with a letter and have only lower-case letters, digits and hyphens; "
        "Services are named after it",
    ),
)


class IP2ASpec(Section):
    """What is wanted."""

    users: int = Field(
        ge=1,
        le=100_000,
        description="People who use the platform in its busiest hour; sizes that are not given follow.",
    )
    app: App = Field(default=App(), description="The web application.")
    database: Database = Field(default=Database(), description="PostgreSQL.")
    pooling: Pooling = Field(default=Pooling(), description="Connection pooling (PgBouncer).")
    cache: Cache = Field(default=Cache(), description="Redis.")
    ingress: Ingress | None = Field(default=None, description="How browsers reach it; none = only inside.")
    security: Security = Field(default=Security(), description="Who may reach what.")
    monitoring: Monitoring = Field(default=Monitoring(), description="Metrics.")
    storage: Storage | None = Field(default=None, description="S3 for documents; off when left out.")
    mail: Mail | None = Field(default=None, description="Outgoing mail; off when left out.")
    payments: Payments | None = Field(default=None, description="Card payments; off when left out.")
    autoscaling: Autoscaling = Field(default=Autoscaling(), description="Who decides sizes.")
    priority_class_name: DnsName | None = Field(
        default=None,
        description="PriorityClass of every pod: app, worker, jobs, database, poolers, Redis; the cluster's default "
        "when left out.",
    )
    deletion_policy: Literal["Retain", "Delete"] = Field(
        default="Retain",
        description="What happens to the database when the resource is deleted. Retain: it keeps running.",
    )
    paused: bool = Field(default=False, description="Change nothing; only report.")


Summary = Annotated[str, StringConstraints(max_length=64)]


class AppStatus(Section):
    """The app's pods."""

    ready: int = Field(default=0, description="Pods that serve.")
    desired: int = Field(default=0, description="Pods wanted.")
    summary: Summary = Field(default="0/0", description="ready/desired.")
    image: str = Field(default="", description="Image that is rolled out or being rolled out.")


class DatabaseStatus(Section):
    """The database's instances."""

    ready: int = Field(default=0, description="Instances that serve.")
    desired: int = Field(default=0, description="Instances wanted.")
    summary: Summary = Field(default="0/0", description="ready/desired.")
    primary: str = Field(default="", description="Instance that takes writes.")
    phase: str = Field(default="", description="What CloudNativePG says about it.")


class ConnectionStatus(Section):
    """The connection ledger."""

    worst: int = Field(default=0, description="Connections one instance can be asked for at worst.")
    budget: int = Field(default=0, description="Connections one instance can grant.")
    arithmetic: str = Field(default="", description="How the two come about.")


class IP2AStatus(Section):
    """What is."""

    observed_generation: int = Field(default=0, description="Generation of the spec these facts are about.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Conditions.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    url: str = Field(default="", description="Where browsers find it.")
    selector: str = Field(default="", description="Label selector of the app's pods, for the scale subresource.")
    app: AppStatus = Field(default=AppStatus(), description="The app's pods.")
    database: DatabaseStatus = Field(default=DatabaseStatus(), description="The database's instances.")
    connections: ConnectionStatus = Field(default=ConnectionStatus(), description="The connection ledger.")
    autoscaling: AutoscalingStatus | None = Field(
        default=None, description="The autoscaler's latest decision, written by ip2a-autoscaler alone."
    )
