"""Cached answers with leases, invalidation by WAL position, and rate limits: one call a request.

Callers must work without it: every method raises CacheUnavailableError when Redis does not answer.
"""

import hashlib
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ip2a.cache.connection import Commands, RedisRefusedError, Reply
from ip2a.cache.scripts import CHECK, FILL, INVALIDATE
from ip2a.observability import metrics

LEASE_MILLISECONDS = b"2000"  # how long one process may take to fill an entry before another tries
HEADER = struct.Struct(">HQQQ")
ETAG_END = HEADER.size + 16
PREFIX = b"ip2a:1:"  # the entries' version: another layout gets another number


class Entry(NamedTuple):
    """An answer ready to send, and the WAL position of the snapshot it was read from."""

    status: int
    lsn: int
    etag: bytes
    body: bytes


class Slot(NamedTuple):
    """What the cache says of one entry: there, or missing and to be filled by the holder of the lease."""

    entry: Entry | None
    last_invalidation: int | None
    lease: bool


class Checked(NamedTuple):
    """Answer of one round trip; `wait` is seconds until the rate limit allows a request, 0 when it did."""

    wait: int
    remaining: int
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class _Script:
    text: bytes
    digest: bytes


def _script(text: bytes) -> _Script:
    return _Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


_CHECK, _FILL, _INVALIDATE = _script(CHECK), _script(FILL), _script(INVALIDATE)


def etag_of(body: bytes) -> bytes:
    """Sixteen hexadecimal digits of the body's digest."""
    return hashlib.blake2b(body, digest_size=8).hexdigest().encode()


class Cache:
    """The scripts, called through one connection. `owner` tells this process's leases from others'."""

    def __init__(self, connection: Commands) -> None:
        self._connection = connection
        self._owner = secrets.token_hex(8).encode()

    async def check(
        self, limit_key: bytes, per_minute: bytes, per_hour: bytes, wanted: Sequence[tuple[bytes, bytes]]
    ) -> Checked:
        """Count a request (unless per_minute is b"0") and look entries up as (subject, name)."""
        answer = await self._run(
            _CHECK,
            (PREFIX + b"limit:" + limit_key, *(PREFIX + subject for subject, _ in wanted)),
            (per_minute, per_hour, self._owner, LEASE_MILLISECONDS, *(name for _, name in wanted)),
        )
        if not isinstance(answer, list):
            raise RedisRefusedError("not a list")
        slots = tuple(
            Slot(_entry(answer[index]), _position(answer[index + 1]), answer[index + 2] == 1)
            for index in range(2, len(answer), 3)
        )
        return Checked(_number(answer[0]), _number(answer[1]), slots)

    async def fill(
        self,
        subject: bytes,
        name: bytes,
        entry: Entry,
        *,
        from_primary: bool,
        soft_seconds: float,
        hard_seconds: float,
    ) -> bool:
        """Store an entry whose lease we hold; False when it was too old or the lease was lost to an
        invalidation.
        """
        answer = await self._run(
            _FILL,
            (PREFIX + subject,),
            (
                name,
                self._owner,
                b"%d" % entry.lsn,
                b"1" if from_primary else b"0",
                b"%d" % entry.status,
                b"%d" % int(soft_seconds * 1000),
                b"%d" % int(hard_seconds * 1000),
                entry.etag + entry.body,
            ),
        )
        return answer == 1

    async def invalidate(self, subjects: Sequence[bytes], lsn: int, by: str) -> None:
        """Forget all entries of the subjects; later fills must come from snapshots at or behind `lsn`."""
        await self._run(_INVALIDATE, tuple(PREFIX + subject for subject in subjects), (b"%d" % lsn,))
        metrics.INVALIDATIONS.labels(by).inc(len(subjects))

    async def _run(self, script: _Script, keys: tuple[bytes, ...], arguments: tuple[bytes, ...]) -> Reply:
        count = b"%d" % len(keys)
        try:
            return await self._connection.command(b"EVALSHA", script.digest, count, *keys, *arguments)
        except RedisRefusedError as error:
            if not str(error).startswith("NOSCRIPT"):
                metrics.CACHE_FAILURES.labels("refused").inc()
                raise
        return await self._connection.command(b"EVAL", script.text, count, *keys, *arguments)


def _entry(value: Reply) -> Entry | None:
    if not isinstance(value, bytes):
        return None
    status, lsn, _, _ = HEADER.unpack_from(value)
    return Entry(status, lsn, value[HEADER.size : ETAG_END], value[ETAG_END:])


def _position(value: Reply) -> int | None:
    return int(value) if isinstance(value, bytes) else None


def _number(value: Reply) -> int:
    return value if isinstance(value, int) else 0
