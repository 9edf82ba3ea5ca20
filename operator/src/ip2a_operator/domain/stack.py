"""Everything the builders may know: the resource, its sizes, the images, and what the cluster offers."""

from dataclasses import dataclass, field
from hashlib import sha256

from ip2a_operator.domain.capacity import Sizes
from ip2a_operator.domain.ledger import Ledger
from ip2a_operator.domain.resource import Resource


@dataclass(frozen=True, slots=True)
class Images:
    """Images that the chart names; a spec may override those of the app and of PostgreSQL."""

    app: str
    postgresql: str
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
    def has_database_kinds(self) -> bool:
        """Whether CloudNativePG is there, if it is needed."""
        return self.resource.spec.database.external is not None or "Cluster" in self.offered

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
        return image_name(self.app_image) == image_name(self.images.app)

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


def image_name(image: str) -> str:
    """The last component of an image's path: `registry:5000/a/ip2a-app:1@sha256:…` is `ip2a-app`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
