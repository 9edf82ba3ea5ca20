"""What a handler gets and what it may say back."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.engines import Databases
from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.settings import Settings
from ip2a.worker import queue
from ip2a.worker.queue import Taken


class GiveUp(Exception):
    """Trying again would not help: the job is dead at once. The message is kept; no secrets, no personal data."""


class LeaseLost(Exception):
    """Another worker has the job now: nothing of this one counts any more."""


@dataclass(frozen=True)
class Tools:
    """What handlers work with, built once a process."""

    settings: Settings
    databases: Databases
    now: Callable[[], datetime]


@dataclass
class Work:
    """One job being worked on. `ending`: its last transaction has begun; `finished`: and is committed."""

    job: Taken
    tools: Tools
    ending: bool = False
    finished: bool = False
    percent: int = field(default=0)

    @property
    def payload(self) -> Mapping[str, object]:
        """What was enqueued."""
        return self.job.payload

    def progress(self, done: int, total: int) -> None:
        """Say how far it is; reaches the database with the next heartbeat."""
        self.percent = 0 if total <= 0 else min(99, done * 100 // total)

    @asynccontextmanager
    async def finishing(self, identity: Identity = SYSTEM) -> AsyncIterator[AsyncConnection]:
        """A transaction whose changes and the job's end are committed together, or neither: exactly once.

        Raises LeaseLost before anything is changed when another worker has the job. `identity` must see the queue.
        """
        self.ending = True
        async with transaction(self.tools.databases.write, identity) as connection:
            if not await queue.finish(connection, self.job):
                raise LeaseLost
            yield connection
        self.finished = True


Handler = Callable[[Work], Awaitable[None]]


@dataclass(frozen=True)
class Kind:
    """How jobs of one kind are done: at most `attempts` times, at most `seconds` each, and at most `at_once` by one
    process (0: as many as there is room for).

    `failed` runs when the last attempt has failed, in the transaction that says so.
    """

    handler: Handler
    attempts: int = 10
    seconds: float = 60.0
    at_once: int = 0
    failed: Callable[[AsyncConnection, Mapping[str, object]], Awaitable[None]] | None = None
