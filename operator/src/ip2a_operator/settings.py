"""The operator's settings: environment variables IP2A_OPERATOR_*, read once, then frozen."""

import socket
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ip2a_operator.domain.stack import Images


class Settings(BaseSettings):
    """Every field's variable is its name in capitals after IP2A_OPERATOR_."""

    model_config = SettingsConfigDict(env_prefix="IP2A_OPERATOR_", frozen=True)

    image_app: str = Field(min_length=1, description="Image of the app, unless a resource names another.")
    image_postgresql: str = Field(min_length=1, description="PostgreSQL image, likewise.")
    image_postgresql_backup: str = Field(
        min_length=1, description="PostgreSQL image with barman-cloud, for databases with `database.backup`."
    )
    image_pgbouncer: str = Field(min_length=1, description="PgBouncer image.")
    image_redis: str = Field(min_length=1, description="Redis image.")
    image_redis_exporter: str = Field(min_length=1, description="Redis exporter image.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Namespaces to serve, separated by commas; all when empty."
    )
    lease_name: str = Field(default="ip2a-operator", description="Lease that the replicas compete for.")
    pod_name: str = Field(default_factory=socket.gethostname, description="Identity in the Lease and in events.")
    pod_namespace: str = Field(default="default", description="Namespace of the Lease.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    port: int = Field(default=8080, ge=0, le=65535, description="Port of probes and metrics.")
    resync_seconds: float = Field(default=600.0, ge=1, description="Time between two looks at a quiet resource.")
    prometheus_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Prometheus that the autoscaler asks, unless a resource names one.",
    )
    tick_seconds: float = Field(default=5.0, ge=0.5, le=60, description="From one decision to the next.")
    decisions: Literal["all", "changed", "none"] = Field(
        default="changed", description="Which of the autoscaler's decisions are written to standard output."
    )
    concurrency: int = Field(default=8, ge=1, le=64, description="Reconciliations at once.")

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @property
    def images(self) -> Images:
        """The images as the builders want them."""
        return Images(
            app=self.image_app,
            postgresql=self.image_postgresql,
            postgresql_backup=self.image_postgresql_backup,
            pgbouncer=self.image_pgbouncer,
            redis=self.image_redis,
            redis_exporter=self.image_redis_exporter,
            pull_policy=self.image_pull_policy,
        )
