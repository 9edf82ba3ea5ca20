"""Cacheable reads: what they are called, whose they are, how long they keep, and the one way they are answered.

The database makes the JSON; what is stored and sent are its bytes. A read is answered from the cache, from a
flight
already under way in this process, or by one round trip to a replica (or the primary).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ip2a.cache.connection import CacheUnavailableError
from ip2a.cache.store import Cache, Entry, Slot, etag_of
from ip2a.database.identity import Identity
from ip2a.database.pipeline import Parameters, Statement
from ip2a.database.reading import Reader, Snapshot
from ip2a.limits.admission import Gate
from ip2a.observability import metrics
from ip2a.observability.tallies import Tally
from ip2a.security.principal import Principal

NOT_FOUND_SECONDS = 30.0  # how long an absence is remembered
SOFT_SHARE = 0.85  # after this share of its life an entry is refreshed while it is still served
NOT_FOUND = b'{"type":"urn:ip2a:problem:not-found","title":"Not Found","status":404}'


@dataclass(frozen=True, slots=True)
class Read:
    """A kind of cacheable read. Without `subject` it is the caller's own, and its subject is this of their member."""

    name: str
    path: str
    permission: str
    statement: Statement
    seconds: float
    defaults: Parameters = ()
    subject: bytes | None = None
    primary_only: bool = False  # never from a replica, and never from a flight that began before the question
    hits: Tally = field(init=False, compare=False, repr=False)
    misses: Tally = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hits", metrics.CACHE.labels(self.name, "hit"))
        object.__setattr__(self, "misses", metrics.CACHE.labels(self.name, "miss"))

    @property
    def own(self) -> bool:
        """Whether only the caller's own rows are read."""
        return self.subject is None

    def subject_of(self, member_id: int) -> bytes:
        """The cache subject of a member's own: what a change of it invalidates."""
        return b"%b:%d" % (self.name.encode(), member_id)


class Query(NamedTuple):
    """One read, for somebody, with parameters; `name` tells parameters apart within the subject."""

    read: Read
    identity: Identity
    subject: bytes
    name: bytes
    parameters: Parameters


def user_subject(user_id: int) -> bytes:
    """The cache subject of an account's principal."""
    return b"user:%d" % user_id


def own_query(read: Read, identity: Identity, member_id: int, parameters: Parameters | None = None) -> Query:
    """A member's own read; without parameters, the one that is asked most."""
    given = read.defaults if parameters is None else parameters
    return Query(read, identity, read.subject_of(member_id), _name(read, given), (b"%d" % member_id, *given))


def shared_query(read: Read, identity: Identity, parameters: Parameters | None = None) -> Query:
    """A read that is the same for everybody who may see it."""
    given = read.defaults if parameters is None else parameters
    return Query(read, identity, read.subject or b"", _name(read, given), given)


def freshness_needed(read: Read, principal: Principal | None, needed: Callable[[str], int]) -> int:
    """The position an answer must not be older than, where `needed` tells what follows from the caller's own writes for
    a read of this name, or for any. Members cannot change what is shared, so their own writes say nothing about that.
    """
    if read.own:
        return needed(read.name)
    return needed("") if principal is None or principal.rate.user_type != "member" else 0


def _name(read: Read, parameters: Parameters) -> bytes:
    if parameters == read.defaults:
        return read.name.encode()
    return b":".join((read.name.encode(), *(value or b"" for value in parameters)))


def _entry(read: Read, snapshot: Snapshot) -> tuple[Entry, float]:
    """What to answer, and how many seconds it keeps: as the read says, or its statement's second column."""
    row = snapshot.rows[0] if snapshot.rows else ()
    if not row or row[0] is None:
        return Entry(404, snapshot.lsn, etag_of(NOT_FOUND), NOT_FOUND), NOT_FOUND_SECONDS
    seconds = read.seconds if len(row) == 1 or row[1] is None else float(row[1])
    return Entry(200, snapshot.lsn, etag_of(row[0]), row[0]), seconds


NOBODY_ASKED = Slot(None, None, lease=False)
"""The slot where there is no cache: nothing is known and nothing will be stored."""


class ReadThrough:
    """Answers queries; one per process."""

    def __init__(self, reader: Reader, cache: Cache | None, gate: Gate) -> None:
        self._reader = reader
        self._cache = cache
        self._gate = gate
        self._flights: dict[tuple[bytes, bytes], tuple[int, asyncio.Task[Entry]]] = {}
        self._background: set[asyncio.Task[Entry]] = set()

    async def look_up(self, query: Query) -> Slot:
        """What the cache says of one query; callers on the hot path ask together with the rate limit."""
        if self._cache is None:
            return NOBODY_ASKED
        try:
            checked = await self._cache.check(b"", b"0", b"0", ((query.subject, query.name),))
        except CacheUnavailableError:
            return NOBODY_ASKED
        return checked.slots[0]

    def cached(self, query: Query, slot: Slot, min_lsn: int) -> Entry | None:
        """The cached answer, if it is new enough for this client; starts an early refresh if that is ours
        to do.
        """
        entry = slot.entry
        if entry is None or entry.lsn < min_lsn:
            query.read.misses.inc()
            return None
        query.read.hits.inc()
        if slot.lease:
            task = asyncio.create_task(self._admit_and_load(query, slot, min_lsn))
            self._background.add(task)
            task.add_done_callback(self._refreshed)
        return entry

    async def load(self, query: Query, slot: Slot, min_lsn: int) -> Entry:
        """The answer from the database, once for all who ask at the same time; stored if the lease is ours.

        Raises ShedError, psycopg.Error, TimeoutError, SQLAlchemy's TimeoutError.
        """
        key = (query.subject, query.name)
        needed = max(min_lsn, slot.last_invalidation or 0)
        running = None if query.read.primary_only else self._flights.get(key)
        if running is not None and running[0] >= needed:
            return await asyncio.shield(running[1])
        task = asyncio.create_task(self._admit_and_load(query, slot, min_lsn))
        self._flights[key] = (needed, task)

        def landed(done: asyncio.Task[Entry]) -> None:
            if self._flights.get(key, (0, None))[1] is done:
                del self._flights[key]
            if not done.cancelled():
                done.exception()  # whoever waits gets it; nobody waiting is no error

        task.add_done_callback(landed)
        return await asyncio.shield(task)

    async def answer(self, query: Query, min_lsn: int) -> Entry:
        """`look_up`, then `cached` or `load`: for callers off the hot path."""
        slot = await self.look_up(query)
        return self.cached(query, slot, min_lsn) or await self.load(query, slot, min_lsn)

    async def _admit_and_load(self, query: Query, slot: Slot, min_lsn: int) -> Entry:
        async with self._gate.admitted():
            snapshot = await self._reader.read(
                query.identity,
                (query.read.statement, query.parameters),
                min_lsn=max(min_lsn, slot.last_invalidation or 0),
                from_primary=query.read.primary_only or (slot.lease and slot.last_invalidation is None),
            )
        entry, seconds = _entry(query.read, snapshot)
        if slot.lease:
            await self._store(query, entry, seconds, from_primary=snapshot.from_primary)
        return entry

    async def _store(self, query: Query, entry: Entry, seconds: float, *, from_primary: bool) -> None:
        if self._cache is None:
            return
        try:
            stored = await self._cache.fill(
                query.subject,
                query.name,
                entry,
                from_primary=from_primary,
                soft_seconds=seconds * SOFT_SHARE,
                hard_seconds=seconds,
            )
        except CacheUnavailableError:
            return
        metrics.CACHE.labels(query.read.name, "filled" if stored else "not-filled").inc()

    def _refreshed(self, task: asyncio.Task[Entry]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # a failed early refresh is tried again by a later request
