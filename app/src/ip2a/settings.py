"""The platform's configuration: the environment variables of docs/architecture.md, checked once at the start.

Nothing else reads the environment. A process never starts with values that are unsafe in production.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ip2a.observability.fleet import owner_of

Network = IPv4Network | IPv6Network
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

MINIMUM_KEY_BYTES = 32
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
PREFIX = "IP2A_"


class SettingsError(Exception):
    """The environment does not describe a platform that may run; the message names every variable at
    fault.
    """


class Settings(BaseSettings):
    """One process's configuration. Durations are seconds, pool sizes are connections of this process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "production"
    public_url: str
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()

    db_write_host: str = Field(min_length=1)
    db_read_host: str = ""
    db_port: int = Field(default=5432, ge=1, le=65535)
    db_name: str = Field(default="ip2a", min_length=1)
    db_user: str = Field(default="ip2a_app", min_length=1)
    db_password: SecretStr = SecretStr("")
    db_sslmode: SslMode = "verify-full"
    db_sslrootcert: str = ""
    db_pool_size: int = Field(default=5, ge=1, le=200)
    db_max_overflow: int = Field(default=5, ge=0, le=200)
    db_read_pool_size: int = Field(default=5, ge=1, le=200)
    db_read_max_overflow: int = Field(default=5, ge=0, le=200)
    db_pool_timeout: float = Field(default=3.0, gt=0, le=60)
    db_pool_recycle: int = Field(default=300, ge=10, le=86_400)

    redis_host: str = ""
    redis_port: int = Field(default=6379, ge=1, le=65535)
    redis_password: SecretStr = SecretStr("")

    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")

    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_sender: str = ""
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")

    jwt_key: SecretStr = SecretStr("")
    jwt_previous_key: SecretStr = SecretStr("")
    cookie_key: SecretStr = SecretStr("")
    demo_password: SecretStr = SecretStr("")
    admin_ranges: Annotated[tuple[Network, ...], NoDecode] = ()

    payments_provider: Literal["", "stripe"] = ""
    stripe_endpoint: str = ""
    stripe_api_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")

    prometheus_url: str = ""
    prometheus_owner: str = ""

    otlp_endpoint: str = ""
    trace_share: float = Field(default=0.01, ge=0, le=1)
    sentry_dsn: SecretStr = SecretStr("")

    @field_validator("trusted_proxies", "admin_ranges", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an absolute http or https URL such as https://ip2a.example.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_unsafe_values(self) -> Self:
        problems = [
            *self._key_problems(),
            *self._mail_problems(),
            *self._payment_problems(),
            *self._storage_problems(),
            *self._telemetry_problems(),
            *(self._production_problems() if self.in_production else ()),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _key_problems(self) -> list[str]:
        problems = []
        for name in ("jwt_key", "cookie_key", "jwt_previous_key"):
            value: SecretStr = getattr(self, name)
            size = len(value.get_secret_value().encode())
            wanted = size > 0 or (self.in_production and name != "jwt_previous_key")
            if wanted and size < MINIMUM_KEY_BYTES:
                problems.append(
                    f"{PREFIX}{name.upper()} has {size} bytes; {MINIMUM_KEY_BYTES} or more random bytes are needed"
                )
        return problems

    def _mail_problems(self) -> list[str]:
        if self.smtp_host and "@" not in self.smtp_sender:
            return [f"{PREFIX}SMTP_SENDER must be the address that mail comes from when {PREFIX}SMTP_HOST is set"]
        if self.smtp_password.get_secret_value() and self.smtp_tls == "none" and self.smtp_host not in LOCAL_HOSTS:
            return [f"{PREFIX}SMTP_TLS=none would send the password in the clear; use starttls or tls"]
        return []

    def _payment_problems(self) -> list[str]:
        if not self.payments_provider:
            return []
        needed = ("stripe_api_key", "stripe_webhook_secret")
        return [
            f"{PREFIX}{name.upper()} is required where {PREFIX}PAYMENTS_PROVIDER is set"
            for name in needed
            if not getattr(self, name).get_secret_value()
        ]

    def _storage_problems(self) -> list[str]:
        if not self.s3_endpoint:
            return []
        problems = [
            f"{PREFIX}{name.upper()} must be an http or https URL such as https://s3.example.org"
            for name in ("s3_endpoint", "s3_public_endpoint")
            if (value := str(getattr(self, name))) and urlsplit(value).scheme not in {"http", "https"}
        ]
        if not (self.s3_bucket and self.s3_access_key_id and self.s3_secret_access_key.get_secret_value()):
            problems.append(
                f"{PREFIX}S3_BUCKET, _ACCESS_KEY_ID and _SECRET_ACCESS_KEY are required with an S3 endpoint"
            )
        return problems

    def _telemetry_problems(self) -> list[str]:
        problems = []
        if self.otlp_endpoint and urlsplit(self.otlp_endpoint).scheme not in {"http", "https"}:
            problems.append(f"{PREFIX}OTLP_ENDPOINT must be an http or https URL such as http://collector:4318")
        if self.prometheus_url and urlsplit(self.prometheus_url).scheme not in {"http", "https"}:
            problems.append(f"{PREFIX}PROMETHEUS_URL must be an http or https URL such as http://prometheus:9090")
        try:
            owner_of(self.prometheus_owner)
        except ValueError as error:
            problems.append(f"{PREFIX}PROMETHEUS_OWNER {error}")
        dsn = urlsplit(self.sentry_dsn.get_secret_value())
        if dsn != urlsplit("") and not (dsn.scheme in {"http", "https"} and dsn.username and dsn.path.strip("/")):
            problems.append(f"{PREFIX}SENTRY_DSN must be as Sentry gives it: https://KEY@HOST/PROJECT")
        return problems

    def _production_problems(self) -> list[str]:
        problems = []
        parts = urlsplit(self.public_url)
        if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
            problems.append(f"{PREFIX}PUBLIC_URL must be https in production (http only for localhost)")
        if not self.db_password.get_secret_value():
            problems.append(f"{PREFIX}DB_PASSWORD is required in production")
        if self.db_sslmode not in {"verify-ca", "verify-full"}:
            problems.append(
                f"{PREFIX}DB_SSLMODE={self.db_sslmode} does not verify the server; use verify-full in production"
            )
        elif not self.db_sslrootcert:
            problems.append(f"{PREFIX}DB_SSLROOTCERT must name the CA file when IP2A_DB_SSLMODE verifies")
        if self.jwt_key.get_secret_value() == self.cookie_key.get_secret_value() != "":
            problems.append(f"{PREFIX}COOKIE_KEY must differ from {PREFIX}JWT_KEY")
        return problems

    @property
    def in_production(self) -> bool:
        """Whether cookies are Secure, HSTS is sent and every secret must be given."""
        return self.environment == "production"

    @property
    def read_host(self) -> str:
        """Where reads go: the read host, or the write host where there is none."""
        return self.db_read_host or self.db_write_host


DEVELOPMENT_JWT_KEY = "development only: tokens of this process prove nothing"
DEVELOPMENT_COOKIE_KEY = "development only: cookies of this process prove nothing"


def load_settings() -> Settings:
    """Read the environment.

    Raises SettingsError naming each variable at fault and what to set instead.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_messages(error))) from None
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if settings.in_production:
        return settings
    defaults = {"jwt_key": DEVELOPMENT_JWT_KEY, "cookie_key": DEVELOPMENT_COOKIE_KEY}
    missing = {
        name: SecretStr(value) for name, value in defaults.items() if not getattr(settings, name).get_secret_value()
    }
    return settings.model_copy(update=missing)


def _messages(error: ValidationError) -> list[str]:
    messages = []
    for item in error.errors(include_url=False, include_input=False):
        name = PREFIX + str(item["loc"][0]).upper() if item["loc"] else ""
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            text = "is required: set this variable"
        messages.append(f"{name}: {text}" if name else text)
    return messages
