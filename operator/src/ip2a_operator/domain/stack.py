"""Everything the builders may know: the resource, its sizes, the images, and what the cluster offers."""

from dataclasses import dataclass, field
from hashlib import sha256

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.api.workload import ScheduledJob
from ip2a_operator.domain import background
from ip2a_operator.domain.capacity import Sizes
from ip2a_operator.domain.growth import Growth
from ip2a_operator.domain.ledger import Ledger
from ip2a_operator.domain.logins import Logins, role, secret
from ip2a_operator.domain.resource import Resource
from ip2a_operator.names import APP_ROLE, AUDIT_ROLE, WORKER_ROLE


@dataclass(frozen=True, slots=True)
class Images:
    """Images that the chart names; a spec may override those of the app and of PostgreSQL."""

    app: str
    postgresql: str
    postgresql_backup: str
    """With barman-cloud in it, which CloudNativePG runs to archive and to back up."""
    pgbouncer: str
    redis: str
    redis_exporter: str
    pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class Stack:
    """One resource with all that follows from it alone."""

    resource: Resource
    sizes: Sizes
    ledger: Ledger
    images: Images
    secret_digests: dict[str, str] = field(default_factory=dict)
    """Secret name → digest of its values, of the secrets that pods read."""
    offered: frozenset[str] = frozenset()
    """Optional kinds whose CRDs exist on the cluster."""
    logins: Logins = field(default_factory=Logins)
    """Which database logins pods use, and how far a rotation of their passwords is."""

    growth: Growth | None = None
    """How far a change of connections is; None where nothing was observed."""

    @property
    def max_connections(self) -> int:
        """What PostgreSQL is to be configured with now."""
        return self.growth.max_connections if self.growth else self.ledger.max_connections

    @property
    def name(self) -> str:
        """The resource's name, which all others start with."""
        return self.resource.name

    @property
    def namespace(self) -> str:
        """The resource's namespace, in which everything is made."""
        return self.resource.namespace

    @property
    def database(self) -> str:
        """The CloudNativePG Cluster."""
        return f"{self.name}-db"

    @property
    def database_ca(self) -> str:
        """Secret with the CA of the database's certificates, which CloudNativePG makes and renews."""
        return f"{self.database}-ca"

    @property
    def has_database_kinds(self) -> bool:
        """Whether CloudNativePG is there, if it is needed."""
        return self.resource.spec.database.external is not None or "Cluster" in self.offered

    @property
    def database_image(self) -> str:
        """Image of the database's instances."""
        wanted = self.resource.spec.database
        return wanted.image or (self.images.postgresql_backup if wanted.backup else self.images.postgresql)

    @property
    def owner_secret(self) -> str:
        """Secret with the login that owns the schema."""
        external = self.resource.spec.database.external
        if external is not None:
            return (external.owner_secret or external.secret).name
        return f"{self.name}-db-owner"

    @property
    def app_secret(self) -> str:
        """Secret with the application's login."""
        external = self.resource.spec.database.external
        return external.secret.name if external is not None else f"{self.name}-db-app"

    @property
    def worker_secret(self) -> str:
        """Secret with the background worker's login: one of its own for the platform, else the application's."""
        return f"{self.name}-db-worker" if self.has_own_roles else self.app_secret

    @property
    def audit_secret(self) -> str:
        """Secret with the login that reads the audit trail."""
        return f"{self.name}-db-audit"

    @property
    def has_own_roles(self) -> bool:
        """Whether worker and audit readers have database roles of their own: the platform's migrations know them."""
        return self.is_platform and self.resource.spec.database.external is None

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """Role and Secret of the logins that take turns when passwords are rotated; the application's first."""
        pairs = [(APP_ROLE, self.app_secret)]
        return (*pairs, (WORKER_ROLE, self.worker_secret)) if self.has_own_roles else tuple(pairs)

    @property
    def managed_roles(self) -> tuple[str, ...]:
        """Database roles that there must be before the schema is migrated."""
        if self.resource.spec.database.external is not None:
            return ()
        return (APP_ROLE, *((WORKER_ROLE, AUDIT_ROLE) if self.has_own_roles else ()))

    def login(self, *, worker: bool) -> tuple[str, str]:
        """Role and Secret that new pods of the application or of the worker use."""
        name, where = self.turns[-1] if worker else self.turns[0]
        return role(name, self.logins.serving), secret(where, self.logins.serving)

    @property
    def jobs(self) -> tuple[ScheduledJob, ...]:
        """The scheduled jobs."""
        return background.jobs(self.resource.spec, platform=self.is_platform)

    @property
    def keys_secret(self) -> str:
        """Secret with the application's keys."""
        return f"{self.name}-app-keys"

    @property
    def write_pool(self) -> str:
        """The pooler to the primary, and its Service."""
        return f"{self.name}-pool-rw"

    @property
    def read_pool(self) -> str:
        """The pooler to the replicas, and its Service."""
        return f"{self.name}-pool-ro"

    @property
    def redis(self) -> str:
        """Redis: StatefulSet, Service and Secret."""
        return f"{self.name}-redis"

    @property
    def app(self) -> str:
        """The app: Deployment, Service, ServiceAccount, Ingress."""
        return f"{self.name}-app"

    @property
    def worker(self) -> str:
        """The background worker's Deployment."""
        return f"{self.name}-worker"

    @property
    def app_image(self) -> str:
        """Image of the app's pods."""
        return self.resource.spec.app.image or self.images.app

    @property
    def is_platform(self) -> bool:
        """Whether the pods run the platform (any version or mirror of its image) or somebody else's image."""
        return is_platform(self.resource.spec, self.images)

    @property
    def serves_metrics(self) -> bool:
        """Whether the app's pods answer scrapes on the port for operations."""
        given = self.resource.spec.app.metrics
        return given if given is not None else self.is_platform

    @property
    def worker_is_ours(self) -> bool:
        """Whether the worker is the platform's own, which answers probes and scrapes."""
        return self.is_platform and not self.resource.spec.app.worker.command

    @property
    def migration_command(self) -> tuple[str, ...]:
        """What prepares the schema; empty when nothing does."""
        migration = self.resource.spec.app.migration
        if not migration.enabled:
            return ()
        return migration.command or (("ip2a-app", "migrate") if self.is_platform else ())

    @property
    def migration(self) -> str:
        """The migration Job of this image and command."""
        text = "\0".join((self.app_image, *self.migration_command))
        return f"{self.name}-migrate-{sha256(text.encode()).hexdigest()[:10]}"

    @property
    def url(self) -> str:
        """How browsers reach the platform; the Service's address without an ingress."""
        ingress = self.resource.spec.ingress
        if ingress is None:
            return f"http://{self.app}.{self.namespace}.svc"
        return ingress.public_url or f"{'https' if ingress.tls else 'http'}://{ingress.host}"


def is_platform(spec: IP2ASpec, images: Images) -> bool:
    """Whether the app's image is the platform's, by its name."""
    return image_name(spec.app.image or images.app) == image_name(images.app)


def image_name(image: str) -> str:
    """The last component of an image's path: `registry:5000/a/ip2a-app:1@sha256:…` is `ip2a-app`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
