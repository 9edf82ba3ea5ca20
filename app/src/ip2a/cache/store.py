"""Cached answers with leases, invalidation by WAL position, and rate limits: one call a request.

Callers must work without it: every method raises CacheUnavailableError when Redis does not answer.
"""

import hashlib
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ip2a.cache.connection import Commands, RedisRefusedError, Reply, packed
from ip2a.cache.scripts import CHECK, FILL, INVALIDATE
from ip2a.observability import metrics

LEASE_MILLISECONDS = b"2000"  # how long one process may take to fill an entry before another tries
HEADER = struct.Struct(">HQQQ")
_STATUS_AND_POSITION = struct.Struct(">HQ")
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
    slots: Sequence[Slot]


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
        return await self.ask(self.question(limit_key, per_minute, per_hour, wanted))

    def question(
        self, limit_key: bytes, per_minute: bytes, per_hour: bytes, wanted: Sequence[tuple[bytes, bytes]]
    ) -> bytes:
        """What `check` sends: for callers that ask the same again and again."""
        keys = (PREFIX + b"limit:" + limit_key, *(PREFIX + subject for subject, _ in wanted))
        names = (name for _, name in wanted)
        return _call(_CHECK, keys, (per_minute, per_hour, self._owner, LEASE_MILLISECONDS, *names))

    async def ask(self, question: bytes) -> Checked:
        """`check` with what `question` gave."""
        try:
            answer = await self._connection.send(question)
        except RedisRefusedError as error:
            answer = await self._teach(_CHECK, question, error)
        if not isinstance(answer, list):
            raise RedisRefusedError("not a list")
        return checked_of(answer)

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

    async def forget(self, subjects: Sequence[bytes], by: str) -> None:
        """`invalidate` where the change's position is not known: leases end too, and of a subject nothing is known of
        only a snapshot of the primary is stored.
        """
        if subjects:
            await self._connection.send(packed(b"DEL", *(PREFIX + subject for subject in subjects)))
            metrics.INVALIDATIONS.labels(by).inc(len(subjects))

    async def _run(self, script: _Script, keys: tuple[bytes, ...], arguments: tuple[bytes, ...]) -> Reply:
        call = _call(script, keys, arguments)
        try:
            return await self._connection.send(call)
        except RedisRefusedError as error:
            return await self._teach(script, call, error)

    async def _teach(self, script: _Script, call: bytes, refused: RedisRefusedError) -> Reply:
        """Repeat a call that Redis did not know the script of: it is new, or was emptied."""
        if not str(refused).startswith("NOSCRIPT"):
            metrics.CACHE_FAILURES.labels("refused").inc()
            raise refused
        await self._connection.send(packed(b"SCRIPT", b"LOAD", script.text))
        return await self._connection.send(call)


def checked_of(answer: list[Reply]) -> Checked:
    """What an answer to `Cache.question` says."""
    slots = []
    for index in range(2, len(answer), 3):
        value, position = answer[index], answer[index + 1]
        entry = entry_of(value) if isinstance(value, bytes) else None
        last = int(position) if isinstance(position, bytes) else None
        slots.append(Slot(entry, last, answer[index + 2] == 1))
    return Checked(_number(answer[0]), _number(answer[1]), slots)


def entry_of(value: bytes) -> Entry:
    """An entry as it is stored."""
    status, lsn = _STATUS_AND_POSITION.unpack_from(value)
    return Entry(status, lsn, value[HEADER.size : ETAG_END], value[ETAG_END:])


def _call(script: _Script, keys: tuple[bytes, ...], arguments: tuple[bytes, ...]) -> bytes:
    return packed(b"EVALSHA", script.digest, b"%d" % len(keys), *keys, *arguments)


def _number(value: Reply) -> int:
    return value if isinstance(value, int) else 0
