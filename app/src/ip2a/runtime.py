"""What one process shares between requests, built once at the start and closed at the end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ip2a.api_keys.uses import KeyUses
from ip2a.audit.reads import ReadRecorder
from ip2a.cache.connection import RedisConnection, WhileConnecting
from ip2a.cache.store import Cache
from ip2a.checkout.provider import Stripe
from ip2a.database.engines import Databases, create_databases
from ip2a.database.outbox import Outbox
from ip2a.database.reading import Reader
from ip2a.database.writing import Writer
from ip2a.edge.routing import kind_of
from ip2a.limits.admission import Admission, admission_of
from ip2a.limits.limiter import Limiter
from ip2a.observability.fleet import owner_of
from ip2a.observability.history import History
from ip2a.observability.prometheus import Prometheus
from ip2a.observability.spans import Spans, create_spans
from ip2a.reads import ReadThrough
from ip2a.security.passwords import PasswordHasher
from ip2a.security.tokens import TokenKeys
from ip2a.settings import Settings
from ip2a.storage import Storage, create_storage


@dataclass(frozen=True)
class Runtime:
    """Engines, cache, gates, keys and clock; handed to services, never reached for as a global."""

    settings: Settings
    databases: Databases
    redis: RedisConnection | None
    cache: Cache | None
    reader: Reader
    read_through: ReadThrough
    writer: Writer
    outbox: Outbox
    admission: Admission
    limiter: Limiter
    passwords: PasswordHasher
    token_keys: TokenKeys
    cookie_key: bytes
    reads: ReadRecorder
    key_uses: KeyUses
    card_payments: Stripe | None
    storage: Storage | None
    spans: Spans | None
    history: History
    prometheus: Prometheus | None
    now: Callable[[], datetime]

    async def start(self) -> None:
        """Connect to Redis (or go on without) and begin relaying invalidations."""
        if self.redis is not None:
            await self.redis.start()
        self.outbox.start()
        self.key_uses.start()
        self.history.start()

    async def close(self) -> None:
        """Finish what was begun, return connections and end threads."""
        await self.history.close()
        await self.reads.close()
        await self.key_uses.close()
        await self.outbox.close()
        if self.redis is not None:
            await self.redis.close()
        await self.databases.close()
        self.passwords.close()
        if self.card_payments is not None:
            self.card_payments.close()
        if self.spans is not None:
            await asyncio.to_thread(self.spans.close)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def create_runtime(settings: Settings, now: Callable[[], datetime] = utc_now) -> Runtime:
    """Build everything from the settings; nothing is connected yet."""
    previous = settings.jwt_previous_key.get_secret_value().encode()
    databases = create_databases(settings)
    reader = Reader(databases)
    redis, cache = _create_cache(settings)
    outbox = Outbox(reader.primary, cache)
    if redis is not None:
        recovering = Cache(WhileConnecting(redis))
        redis.before_use = lambda: outbox.drain(recovering)
    admission = admission_of(settings)
    return Runtime(
        settings=settings,
        databases=databases,
        redis=redis,
        cache=cache,
        reader=reader,
        read_through=ReadThrough(reader, cache, admission.gate("self")),
        writer=Writer(databases, reader.primary, outbox),
        outbox=outbox,
        admission=admission,
        limiter=Limiter(cache),
        passwords=PasswordHasher(),
        token_keys=TokenKeys(settings.jwt_key.get_secret_value().encode(), previous or None),
        cookie_key=settings.cookie_key.get_secret_value().encode(),
        reads=ReadRecorder(databases.write),
        key_uses=KeyUses(databases.write),
        card_payments=Stripe(settings) if settings.payments_provider else None,
        storage=create_storage(settings),
        spans=create_spans(settings),
        history=History(kind_of),
        prometheus=Prometheus(settings.prometheus_url, owner_of(settings.prometheus_owner))
        if settings.prometheus_url
        else None,
        now=now,
    )


def _create_cache(settings: Settings) -> tuple[RedisConnection, Cache] | tuple[None, None]:
    if not settings.redis_host:
        return None, None
    redis = RedisConnection(settings.redis_host, settings.redis_port, settings.redis_password.get_secret_value())
    return redis, Cache(redis)
