"""`spec.app`: the platform's pods, or any web image of one's own in their place."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ip2a_operator.api.base import (
    EnvName,
    KubernetesObject,
    Port,
    Quantity,
    Rule,
    SecretRef,
    Section,
    Text,
    cel,
)

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/", max_length=512)]
HttpPath = Annotated[str, StringConstraints(pattern=r"^/", max_length=1024)]
Image = Annotated[str, StringConstraints(pattern=r"^[^\s]+$", min_length=1, max_length=512)]
Arguments = Annotated[tuple[Text, ...], Field(max_length=64)]
CronText = Annotated[str, StringConstraints(pattern=r"^(@[a-z]+|([^\s]+\s+){4}[^\s]+)$", max_length=100)]


class ResourceAmounts(Section):
    """CPU and memory of one container."""

    cpu: Quantity | None = Field(default=None, description="Cores, for example 250m.")
    memory: Quantity | None = Field(default=None, description="Bytes, for example 256Mi.")


class Resources(Section):
    """Requests and limits of one container; what is left out is derived from `users`."""

    requests: ResourceAmounts | None = Field(default=None, description="What the scheduler sets aside.")
    limits: ResourceAmounts | None = Field(default=None, description="What the container may use at most.")


class EnvVar(Section):
    """One environment variable."""

    name: EnvName = Field(description="Name of the variable.")
    value: Annotated[str, StringConstraints(max_length=32768)] | None = Field(
        default=None, description="Literal value; $(NAME) refers to a variable defined before."
    )
    value_from: KubernetesObject | None = Field(
        default=None,
        description="Source of the value, as in a Pod: secretKeyRef, configMapKeyRef or fieldRef.",
    )

    model_config = cel(
        Rule(
            "!(has(self.value) && has(self.valueFrom))",
            "set value or valueFrom of an environment variable, not both",
        )
    )


class HttpGet(Section):
    """A probe that asks over HTTP."""

    path: HttpPath = Field(description="Path that must answer 200 to 399.")
    port: Port | None = Field(default=None, description="Port; the app's own port when left out.")


class Exec(Section):
    """A probe that runs a command in the container."""

    command: Annotated[tuple[Text, ...], Field(min_length=1, max_length=32)] = Field(
        description="Command and arguments; exit status 0 is success."
    )


class TcpSocket(Section):
    """A probe that opens a connection."""

    port: Port | None = Field(default=None, description="Port; the app's own port when left out.")


class Probe(Section):
    """One probe: exactly one way to ask, and how often."""

    http_get: HttpGet | None = Field(default=None, description="Ask over HTTP.")
    exec: Exec | None = Field(default=None, description="Run a command.")
    tcp_socket: TcpSocket | None = Field(default=None, description="Open a TCP connection.")
    period_seconds: int = Field(default=5, ge=1, le=300, description="Seconds between two probes.")
    timeout_seconds: int = Field(default=3, ge=1, le=60, description="Seconds one probe may take.")
    failure_threshold: int = Field(default=3, ge=1, le=100, description="Failures in a row that count.")

    model_config = cel(
        Rule(
            "[has(self.httpGet), has(self.exec), has(self.tcpSocket)].filter(x, x).size() == 1",
            "a probe needs exactly one of httpGet, exec and tcpSocket",
        )
    )


class Probes(Section):
    """Probes of the app container; they replace the built-in ones."""

    readiness: Probe | None = Field(default=None, description="Decides whether a pod gets requests.")
    liveness: Probe | None = Field(default=None, description="Decides whether a container is restarted.")
    startup: Probe | None = Field(default=None, description="Holds the other two back while the app starts.")
    require_database: bool = Field(
        default=False,
        description="Also keep a pod out of rotation while the write pooler does not answer a query, "
        "for images whose own readiness does not look at the database.",
    )


class DatabaseUrl(Section):
    """For images that only know one connection URL."""

    env: EnvName = Field(default="DATABASE_URL", description="Variable that gets the URL.")
    scheme: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*$", max_length=40)] = Field(
        default="postgresql", description="Scheme of the URL, for example postgresql+psycopg2."
    )
    read_env: EnvName | None = Field(default=None, description="Variable that gets the URL of the read pooler.")


class Migration(Section):
    """The Job that prepares the schema before an image serves."""

    enabled: bool = Field(default=True, description="Whether a migration gates the rollout of an image.")
    command: Arguments = Field(default=(), description="Command; the platform's own when left out.")
    deadline_seconds: int = Field(default=900, ge=10, le=86400, description="Seconds one attempt may take.")


class Worker(Section):
    """The background worker: outbox, reports, mail."""

    enabled: bool | None = Field(
        default=None, description="Whether it runs; when left out, it does for the platform's own image."
    )
    replicas: int = Field(default=1, ge=0, le=20, description="Pods.")
    command: Arguments = Field(default=(), description="Command; the platform's own when left out.")
    resources: Resources | None = Field(default=None, description="Requests and limits.")


class ScheduledJob(Section):
    """One CronJob that runs with the app's image and configuration."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=20)] = Field(
        description="Name of the job, and its argument unless a command is given."
    )
    schedule: CronText = Field(description="Cron expression in UTC, for example 15 3 * * *.")
    command: Arguments = Field(default=(), description="Command; `ip2a-app job NAME` when left out.")
    deadline_seconds: int = Field(default=3600, ge=10, le=86400, description="Seconds a run may take.")


class App(Section):
    """The web application."""

    image: Image | None = Field(
        default=None,
        description="Container image; the platform's own when left out. One whose path ends in ip2a-app is "
        "taken for a build of the platform.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        default=None, description="When to pull the image; as the operator was installed, when left out."
    )
    image_pull_secrets: Annotated[tuple[SecretRef, ...], Field(max_length=8)] = Field(
        default=(), description="Secrets to pull the image with."
    )
    command: Arguments = Field(default=(), description="Entry point; the image's own when left out with an image.")
    args: Arguments = Field(default=(), description="Arguments.")
    port: Port = Field(default=8000, description="Port the app listens on for HTTP.")
    env: Annotated[tuple[EnvVar, ...], Field(max_length=200)] = Field(
        default=(), description="More environment variables; they win over the operator's."
    )
    env_from: Annotated[tuple[KubernetesObject, ...], Field(max_length=20)] = Field(
        default=(), description="Sources of variables, as in a Pod: configMapRef or secretRef."
    )
    replicas: int | None = Field(default=None, ge=0, le=200, description="Pods; derived from users when left out.")
    resources: Resources | None = Field(default=None, description="Requests and limits of the app container.")
    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes in one pod that each hold connection pools of their own.",
    )
    pool_size: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="Connections a process keeps to a pooler; derived when left out.",
    )
    max_overflow: int | None = Field(
        default=None, ge=0, le=200, description="Connections a process may open beyond poolSize."
    )
    probes: Probes | None = Field(default=None, description="Replacements for the built-in probes.")
    database_url: DatabaseUrl | None = Field(default=None, description="One URL for images that only know that.")
    migration: Migration = Field(default=Migration(), description="The Job that migrates the schema.")
    worker: Worker = Field(default=Worker(), description="The background worker.")
    jobs: Annotated[tuple[ScheduledJob, ...], Field(max_length=20)] | None = Field(
        default=None,
        description="CronJobs; when left out, those that the platform's own image needs. An empty list: none.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    writable_paths: Annotated[tuple[AbsolutePath, ...], Field(max_length=20)] = Field(
        default=("/tmp",),  # noqa: S108 - a mount point in the container, not a file of ours
        description="Directories that get an empty writable volume; everything else is read-only.",
    )
    volumes: Annotated[tuple[KubernetesObject, ...], Field(max_length=20)] = Field(
        default=(), description="More volumes, as in a Pod."
    )
    volume_mounts: Annotated[tuple[KubernetesObject, ...], Field(max_length=20)] = Field(
        default=(), description="Mounts of these volumes, as in a Pod."
    )
    run_as_user: int = Field(default=10001, ge=1, le=2**31 - 1, description="User id of the container; never root.")
    metrics: bool | None = Field(
        default=None,
        description="Annotate pods for scraping on port 9100; true for the platform's own image.",
    )
