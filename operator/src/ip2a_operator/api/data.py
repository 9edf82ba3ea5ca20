"""`spec.database`, `spec.pooling`, `spec.cache`: where the data lives and how it is reached."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ip2a_operator.api.base import (
    DnsName,
    Duration,
    Port,
    Quantity,
    Rule,
    SecretKeyRef,
    SecretRef,
    Section,
    StorageQuantity,
    cel,
)
from ip2a_operator.api.workload import CronText, Image, Resources

ParameterName = Annotated[str, StringConstraints(max_length=128)]


class Volume(Section):
    """A persistent volume."""

    size: StorageQuantity = Field(default="2Gi", description="Size; it can grow and never shrink.")
    storage_class: DnsName | None = Field(default=None, description="StorageClass; the default one if left out.")

    model_config = cel(
        Rule(
            "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
            "size cannot shrink; keep the old size or restore into a new resource",
        ),
        Rule(
            "has(self.storageClass) == has(oldSelf.storageClass) && "
            "(!has(self.storageClass) || self.storageClass == oldSelf.storageClass)",
            "storageClass cannot change; restore into a new resource",
        ),
    )


class Backup(Section):
    """Continuous archiving and base backups to S3."""

    destination: Annotated[str, StringConstraints(pattern=r"^s3://[^\s]+$", max_length=512)] = Field(
        description="Where backups go, s3://BUCKET/PATH."
    )
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=512)] | None = Field(
        default=None, description="URL of the S3 service, for any but AWS."
    )
    credentials: SecretRef = Field(description="Secret with keys access-key-id and secret-access-key.")
    schedule: CronText = Field(default="0 3 * * *", description="When base backups are taken (UTC).")
    retention: Duration = Field(default="30d", description="How long backups are kept, for example 30d.")
    final: bool = Field(default=False, description="Take a last backup before the resource is deleted.")


class ExternalDatabase(Section):
    """A PostgreSQL that somebody else runs."""

    host: DnsName = Field(description="Host for writes.")
    read_host: DnsName | None = Field(default=None, description="Host for reads; the write host when left out.")
    port: Port = Field(default=5432, description="Port of both.")
    database: Annotated[str, StringConstraints(pattern="^[A-Za-z_][A-Za-z0-9_$-]*$", max_length=63)] = Field(
        default="ip2a", description="Name of the database."
    )
    secret: SecretRef = Field(description="Secret of type kubernetes.io/basic-auth for the application.")
    owner_secret: SecretRef | None = Field(
        default=None, description="Login that migrates the schema; the application's when left out."
    )
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        default="verify-full", description="libpq sslmode."
    )
    ca: SecretKeyRef | None = Field(default=None, description="CA that signed the server's certificate.")
    max_connections: int = Field(
        default=100, ge=10, le=100000, description="Connections the server grants this application."
    )


class Database(Section):
    """PostgreSQL, run by CloudNativePG unless it is external."""

    instances: int | None = Field(
        default=None,
        ge=1,
        le=9,
        description="Primary and replicas together; derived from users when left out.",
    )
    storage: Volume = Field(default=Volume(), description="Volume of each instance.")
    image: Image | None = Field(default=None, description="PostgreSQL image.")
    parameters: Annotated[
        dict[ParameterName, Annotated[str, StringConstraints(max_length=1024)]], Field(max_length=100)
    ] = Field(default={}, description="PostgreSQL settings, for example work_mem; they win over derived ones.")
    resources: Resources | None = Field(default=None, description="Requests and limits of each instance.")
    durability: Literal["asynchronous", "synchronous"] = Field(
        default="asynchronous",
        description="asynchronous: a failover may lose the last commits. synchronous: a commit waits for a "
        "replica; with 2 instances it stops waiting while the replica is away, with 3 or more it never does.",
    )
    backup: Backup | None = Field(default=None, description="Backups to S3; off when left out.")
    external: ExternalDatabase | None = Field(default=None, description="Use this database and run none.")

    model_config = cel(
        Rule(
            "!has(self.external) || !(has(self.backup) || has(self.instances) || has(self.parameters))",
            "database.external excludes backup, instances and parameters; remove them",
        ),
        Rule(
            "!(has(self.durability) && self.durability == 'synchronous' && has(self.instances) && self.instances < 2)",
            "database.durability synchronous needs instances of 2 or more",
        ),
        Rule(
            "has(self.external) == has(oldSelf.external)",
            "database.external cannot be added or removed later; make a new resource and move the data",
        ),
    )


class Pool(Section):
    """One pooler."""

    pods: int | None = Field(default=None, ge=1, le=20, description="PgBouncer pods; derived when left out.")
    size: int | None = Field(
        default=None, ge=1, le=500, description="Server connections of one pod; derived when left out."
    )
    reserve: int = Field(default=2, ge=0, le=100, description="Extra server connections of a pod under pressure.")
    max_clients: int = Field(default=2000, ge=10, le=20000, description="Client connections of one pod.")


class Pooling(Section):
    """PgBouncer in transaction mode, between the app and the database."""

    write: Pool = Field(default=Pool(), description="To the primary.")
    read: Pool = Field(default=Pool(), description="To the replicas.")
    resources: Resources | None = Field(default=None, description="Requests and limits of each PgBouncer.")


class ExternalCache(Section):
    """A Redis that somebody else runs."""

    host: DnsName = Field(description="Host.")
    port: Port = Field(default=6379, description="Port.")
    secret: SecretKeyRef | None = Field(default=None, description="Where the password is, if it needs one.")


class Cache(Section):
    """Redis: cache, limits, sessions' short-lived state."""

    enabled: bool = Field(default=True, description="Whether the app gets a Redis at all.")
    memory: Quantity | None = Field(default=None, description="maxmemory; derived from users when left out.")
    persistence: Volume | None = Field(default=None, description="Volume for an append-only file; none = memory only.")
    external: ExternalCache | None = Field(default=None, description="Use this Redis and run none.")

    model_config = cel(
        Rule(
            "!has(self.external) || !(has(self.memory) || has(self.persistence))",
            "cache.external excludes memory and persistence; remove them",
        ),
        Rule(
            "has(self.persistence) == has(oldSelf.persistence) && "
            "(!has(self.persistence) || self.persistence.size == oldSelf.persistence.size)",
            "cache.persistence cannot change: a StatefulSet's volumes cannot; make a new resource",
        ),
    )
