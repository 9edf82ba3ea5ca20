"""The environment of everything that runs the app's image: the contract of docs/architecture.md.

The operator's variables come first and the spec's after them: on equal names the last one wins, and a
variable
may refer to those before it, which is how one connection URL is put together without touching the password.
"""

from ip2a_operator.domain.builders.podspec import environment, from_secret
from ip2a_operator.domain.capacity import JOB_CONNECTIONS
from ip2a_operator.domain.stack import Stack
from ip2a_operator.names import DATABASE, POSTGRES_PORT, REDIS_PORT

CA_DIRECTORY = "/etc/ip2a/database-ca"
CA_VOLUME = "database-ca"
POOL_TIMEOUT_SECONDS = 3
POOL_RECYCLE_SECONDS = 30
"""Shorter than a pooler pod takes to end, so that no process is left with a connection to a dead one."""

Env = list[dict[str, object]]


def serving_env(stack: Stack) -> Env:
    """For pods that serve: through the poolers, with the application's login."""
    pools = _pools(stack, stack.sizes.client_pool, stack.sizes.client_overflow)
    return _merged(stack, _general(stack) + pools + _login(stack, worker=False) + _services(stack) + _prometheus(stack))


def worker_env(stack: Stack) -> Env:
    """For the background worker: the same with its own login and fewer connections."""
    pools = _pools(stack, stack.sizes.worker_pool, stack.sizes.worker_overflow)
    return _merged(stack, _general(stack) + pools + _login(stack, worker=True) + _services(stack))


def job_env(stack: Stack) -> Env:
    """For scheduled jobs: the worker's login, and a connection or two."""
    pools = _pools(stack, 1, JOB_CONNECTIONS - 1)
    return _merged(stack, _general(stack) + pools + _login(stack, worker=True) + _services(stack))


def migration_env(stack: Stack) -> Env:
    """For the migration: straight to the primary, with the owner's login."""
    external = stack.resource.spec.database.external
    host = external.host if external else f"{stack.database}-rw"
    return _merged(stack, _general(stack) + _hosts(stack, host, host) + _owner_login(stack) + _services(stack))


def _merged(stack: Stack, ours: Env) -> Env:
    given = [variable.model_dump(by_alias=True, exclude_none=True) for variable in stack.resource.spec.app.env]
    replaced = {variable["name"] for variable in given}
    urls = _urls(stack)
    return [variable for variable in ours + urls if variable["name"] not in replaced] + given


def _general(stack: Stack) -> Env:
    spec = stack.resource.spec
    # Secure cookies and HSTS only work over HTTPS, so plain HTTP is what the app calls development.
    kind = "production" if stack.url.startswith("https://") else "development"
    return environment(
        {
            "IP2A_ENVIRONMENT": kind,
            "IP2A_PUBLIC_URL": stack.url,
            "IP2A_TRUSTED_PROXIES": ",".join(spec.ingress.trusted_proxies) if spec.ingress else "",
            "IP2A_ADMIN_RANGES": ",".join(spec.security.admin_ranges),
        }
    )


def _pools(stack: Stack, kept: int, beyond: int) -> Env:
    external = stack.resource.spec.database.external
    if external is not None:
        hosts = _hosts(stack, external.host, external.read_host or external.host)
    else:
        hosts = _hosts(stack, stack.write_pool, stack.read_pool if stack.sizes.read else stack.write_pool)
    size, overflow = str(kept), str(beyond)
    return hosts + environment(
        {
            "IP2A_DB_POOL_SIZE": size,
            "IP2A_DB_MAX_OVERFLOW": overflow,
            "IP2A_DB_READ_POOL_SIZE": size,
            "IP2A_DB_READ_MAX_OVERFLOW": overflow,
            "IP2A_DB_POOL_TIMEOUT": str(POOL_TIMEOUT_SECONDS),
            "IP2A_DB_POOL_RECYCLE": str(POOL_RECYCLE_SECONDS),
        }
    )


def _hosts(stack: Stack, write: str, read: str) -> Env:
    external = stack.resource.spec.database.external
    return environment(
        {
            "IP2A_DB_WRITE_HOST": write,
            "IP2A_DB_READ_HOST": read,
            "IP2A_DB_PORT": str(external.port if external else POSTGRES_PORT),
            "IP2A_DB_NAME": external.database if external else DATABASE,
            "IP2A_DB_SSLMODE": external.sslmode if external else "verify-full",
            "IP2A_DB_SSLROOTCERT": f"{CA_DIRECTORY}/ca.crt" if has_ca(stack) else "",
        }
    )


def has_ca(stack: Stack) -> bool:
    """Whether there is a certificate authority to mount."""
    external = stack.resource.spec.database.external
    return external is None or external.ca is not None


def ca_volume(stack: Stack) -> list[dict[str, object]]:
    """Exactly the CA's certificate: the Secret that CloudNativePG makes also holds its key."""
    external = stack.resource.spec.database.external
    if not has_ca(stack):
        return []
    name, key = (external.ca.name, external.ca.key) if external and external.ca else (stack.database_ca, "ca.crt")
    return [{"name": CA_VOLUME, "secret": {"secretName": name, "items": [{"key": key, "path": "ca.crt"}]}}]


def ca_mount(stack: Stack) -> list[dict[str, object]]:
    """Where the certificate is found."""
    return [{"name": CA_VOLUME, "mountPath": CA_DIRECTORY, "readOnly": True}] if has_ca(stack) else []


def _login(stack: Stack, *, worker: bool) -> Env:
    name, where = stack.login(worker=worker)
    return [
        from_secret("IP2A_DB_USER", where, "username")
        if stack.resource.spec.database.external
        else {"name": "IP2A_DB_USER", "value": name},
        from_secret("IP2A_DB_PASSWORD", where, "password"),
        from_secret("IP2A_JWT_KEY", stack.keys_secret, "jwt-key"),
        from_secret("IP2A_JWT_PREVIOUS_KEY", stack.keys_secret, "jwt-previous-key", optional=True),
        from_secret("IP2A_COOKIE_KEY", stack.keys_secret, "cookie-key"),
    ]


def _owner_login(stack: Stack) -> Env:
    return [
        from_secret("IP2A_DB_USER", stack.owner_secret, "username"),
        from_secret("IP2A_DB_PASSWORD", stack.owner_secret, "password"),
        from_secret("IP2A_JWT_KEY", stack.keys_secret, "jwt-key"),
        from_secret("IP2A_COOKIE_KEY", stack.keys_secret, "cookie-key"),
    ]


def _services(stack: Stack) -> Env:
    return _redis(stack) + _documents(stack) + _mail(stack) + _payments(stack)


def _prometheus(stack: Stack) -> Env:
    """Where the administration's dashboard learns of all pods, and whose series are meant; a login in the URL is kept
    out of the pods' environment.
    """
    url = stack.resource.spec.monitoring.prometheus_url
    if not url or "@" in url:
        return []
    owner = f"{stack.namespace}/{stack.name}"
    return environment({"IP2A_PROMETHEUS_URL": url, "IP2A_PROMETHEUS_OWNER": owner})


def _redis(stack: Stack) -> Env:
    cache = stack.resource.spec.cache
    if not cache.enabled:
        return []
    if cache.external is not None:
        env = environment({"IP2A_REDIS_HOST": cache.external.host, "IP2A_REDIS_PORT": str(cache.external.port)})
        secret = cache.external.secret
        return env + ([from_secret("IP2A_REDIS_PASSWORD", secret.name, secret.key)] if secret else [])
    env = environment({"IP2A_REDIS_HOST": stack.redis, "IP2A_REDIS_PORT": str(REDIS_PORT)})
    return [*env, from_secret("IP2A_REDIS_PASSWORD", stack.redis, "password")]


def _documents(stack: Stack) -> Env:
    storage = stack.resource.spec.storage
    if storage is None:
        return []
    env = environment(
        {
            "IP2A_S3_ENDPOINT": storage.endpoint,
            "IP2A_S3_PUBLIC_ENDPOINT": storage.public_endpoint or "",
            "IP2A_S3_BUCKET": storage.bucket,
            "IP2A_S3_REGION": storage.region,
        }
    )
    secret = storage.credentials.name
    return [
        *env,
        from_secret("IP2A_S3_ACCESS_KEY_ID", secret, "access-key-id"),
        from_secret("IP2A_S3_SECRET_ACCESS_KEY", secret, "secret-access-key"),
    ]


def _mail(stack: Stack) -> Env:
    mail = stack.resource.spec.mail
    if mail is None:
        return []
    env = environment(
        {
            "IP2A_SMTP_HOST": mail.host,
            "IP2A_SMTP_PORT": str(mail.port),
            "IP2A_SMTP_SENDER": mail.sender,
            "IP2A_SMTP_TLS": mail.tls,
        }
    )
    if mail.credentials is None:
        return env
    return [
        *env,
        from_secret("IP2A_SMTP_USERNAME", mail.credentials.name, "username"),
        from_secret("IP2A_SMTP_PASSWORD", mail.credentials.name, "password"),
    ]


def _payments(stack: Stack) -> Env:
    payments = stack.resource.spec.payments
    if payments is None:
        return []
    secret = payments.credentials.name
    env = environment({"IP2A_PAYMENTS_PROVIDER": payments.provider, "IP2A_STRIPE_ENDPOINT": payments.endpoint or ""})
    return [
        *env,
        from_secret("IP2A_STRIPE_API_KEY", secret, "api-key"),
        from_secret("IP2A_STRIPE_WEBHOOK_SECRET", secret, "webhook-secret"),
    ]


def _urls(stack: Stack) -> Env:
    """Kubernetes puts the parts in: $(NAME) of an earlier variable. Generated passwords need no escaping."""
    wanted = stack.resource.spec.app.database_url
    if wanted is None:
        return []
    options = "sslmode=$(IP2A_DB_SSLMODE)" + ("&sslrootcert=$(IP2A_DB_SSLROOTCERT)" if has_ca(stack) else "")
    login = f"{wanted.scheme}://$(IP2A_DB_USER):$(IP2A_DB_PASSWORD)@"
    tail = f":$(IP2A_DB_PORT)/$(IP2A_DB_NAME)?{options}"
    urls = {wanted.env: f"{login}$(IP2A_DB_WRITE_HOST){tail}"}
    if wanted.read_env:
        urls[wanted.read_env] = f"{login}$(IP2A_DB_READ_HOST){tail}"
    return environment(urls)
