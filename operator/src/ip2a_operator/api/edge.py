"""Sections about what is around the platform: ingress, security, monitoring, documents, mail, payments."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ip2a_operator.api.base import Cidr, DnsName, Port, Rule, SecretRef, Section, cel

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=512)]


class Tls(Section):
    """HTTPS at the ingress."""

    secret_name: DnsName | None = Field(
        default=None,
        description="Secret of type kubernetes.io/tls; the ingress controller's own when left out.",
    )


class ParentRef(Section):
    """A Gateway to attach to."""

    name: DnsName = Field(description="Name of the Gateway.")
    namespace: DnsName | None = Field(default=None, description="Its namespace; the resource's when left out.")
    section_name: DnsName | None = Field(default=None, description="Listener of the Gateway.")


class Ingress(Section):
    """How browsers reach the platform: an Ingress, or an HTTPRoute when parentRefs are given."""

    host: DnsName = Field(description="Host name that people type.")
    class_name: DnsName | None = Field(default=None, description="IngressClass; the default one when left out.")
    tls: Tls | None = Field(default=None, description="Serve HTTPS.")
    public_url: Url | None = Field(
        default=None,
        description="URL as browsers see it, when it is not http(s)://HOST, for example with a port.",
    )
    annotations: Annotated[
        dict[
            Annotated[str, StringConstraints(max_length=317)],
            Annotated[str, StringConstraints(max_length=4096)],
        ],
        Field(max_length=50),
    ] = Field(default={}, description="Annotations for the ingress controller.")
    parent_refs: Annotated[tuple[ParentRef, ...], Field(max_length=8)] = Field(
        default=(), description="Gateways of the Gateway API; an HTTPRoute is made instead of an Ingress."
    )
    trusted_proxies: Annotated[tuple[Cidr, ...], Field(max_length=32)] = Field(
        default=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        description="Address ranges whose X-Forwarded headers count.",
    )

    model_config = cel(
        Rule(
            "!(has(self.parentRefs) && size(self.parentRefs) > 0 && (has(self.className) || has(self.tls)))",
            "ingress.parentRefs excludes className and tls; the Gateway decides them",
        )
    )


class Security(Section):
    """Who may reach what."""

    admin_ranges: Annotated[tuple[Cidr, ...], Field(max_length=64)] = Field(
        default=(), description="Address ranges that may use the admin pages; everybody when empty."
    )
    network_policy: bool = Field(default=True, description="Deny by default, allow the named flows.")
    ingress_namespace: Annotated[str, StringConstraints(max_length=63)] | None = Field(
        default=None,
        description="Namespace of the ingress controller; any namespace may reach the app if left out.",
    )


class Monitoring(Section):
    """Where metrics are, and who collects them."""

    prometheus_url: Url | None = Field(
        default=None,
        description="Prometheus that the app's dashboard asks, and the autoscaler (or the operator's own setting).",
    )
    scrape_interval_seconds: int = Field(
        default=5, ge=1, le=60, description="How often that Prometheus scrapes; PodMonitors are made with it."
    )
    enabled: bool = Field(
        default=True,
        description="Make PodMonitors and a PrometheusRule where their CRDs exist.",
    )


class Storage(Section):
    """S3 for documents."""

    endpoint: Url = Field(description="URL of the S3 service as pods reach it.")
    public_endpoint: Url | None = Field(default=None, description="The same as browsers reach it.")
    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$", max_length=63)] = Field(
        description="Bucket."
    )
    region: Annotated[str, StringConstraints(max_length=64)] = Field(default="us-east-1", description="Region.")
    credentials: SecretRef = Field(description="Secret with keys access-key-id and secret-access-key.")


class Mail(Section):
    """SMTP for outgoing mail."""

    host: DnsName = Field(description="SMTP host.")
    port: Port = Field(default=587, description="SMTP port.")
    sender: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] = Field(
        description="Address that mails come from."
    )
    tls: Literal["none", "starttls", "tls"] = Field(default="starttls", description="How the connection is secured.")
    credentials: SecretRef | None = Field(
        default=None, description="Secret of type kubernetes.io/basic-auth; no login when left out."
    )


class Payments(Section):
    """Card payments."""

    provider: Literal["stripe"] = Field(default="stripe", description="Payment provider.")
    endpoint: Url | None = Field(default=None, description="URL of the provider's API, when not the public one.")
    credentials: SecretRef = Field(description="Secret with keys api-key and webhook-secret.")
