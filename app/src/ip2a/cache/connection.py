"""One connection to Redis that pipelines by itself.

Commands issued in one turn of the event loop leave in one write and their answers are matched in order: a
command costs
a few microseconds instead of the hundred of a pooled client. The connection heals itself; while it is down
every call
fails at once.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import hiredis

from ip2a.observability import metrics

LOGGER = logging.getLogger(__name__)
CONNECT_TIMEOUT = 2.0  # seconds, for what `before_use` does too
ANSWER_TIMEOUT = 0.25  # seconds an answer may take before Redis counts as down
WATCH_INTERVAL = 0.05
FIRST_RETRY, LONGEST_RETRY = 0.1, 2.0  # seconds between attempts to connect
MAXIMUM_PENDING = 20_000  # commands in flight; more are refused

Reply = bytes | int | list["Reply"] | None


class CacheUnavailableError(Exception):
    """Redis did not answer: not connected, too slow, or it refused."""


Receiver = Callable[[Reply | CacheUnavailableError], None]
"""Called with the reply, or why there is none. It must not raise."""


def packed(*arguments: bytes) -> bytes:
    """A command as Redis reads it, for those who send the same one often."""
    command: bytes = hiredis.pack_command(arguments)  # type: ignore[arg-type]  # its stub allows one item only
    return command


class Commands(Protocol):
    """What the cache needs of a connection."""

    def send(self, command: bytes) -> Awaitable[Reply]:
        """Send one `packed` command; its answer. Raises CacheUnavailableError, at once or when awaited."""


class RedisConnection(asyncio.Protocol):
    """The connection of this process."""

    def __init__(self, host: str, port: int, password: str) -> None:
        self._address = (host, port)
        self._password = password.encode()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(replyError=hiredis.ReplyError)
        self._pending: deque[tuple[float, Receiver]] = deque()
        self._outgoing: list[bytes] = []
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._usable = False
        self._connected = False
        self.before_use: Callable[[], Awaitable[None]] | None = None
        """Awaited between connecting and being usable; raises CacheUnavailableError to stay unusable."""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def available(self) -> bool:
        """Whether commands are worth sending."""
        return self._usable

    async def start(self) -> None:
        """Connect, and keep connecting in the background; returns after the first attempt."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._connect()
        except (OSError, CacheUnavailableError, TimeoutError) as error:
            LOGGER.warning("Redis not reachable (%s); going on without", type(error).__name__)
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._drop("closed")

    def send(self, command: bytes) -> asyncio.Future[Reply]:
        """Send one `packed` command; its answer. Raises CacheUnavailableError, at once or when awaited."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.ask(command, partial(_resolve, future))
        return future

    def ask(self, command: bytes, receiver: Receiver) -> None:
        """`send` without a future: `receiver` is called where the answer arrives. Raises CacheUnavailableError."""
        if not self._usable or len(self._pending) >= MAXIMUM_PENDING:
            raise CacheUnavailableError
        self._ask(command, receiver)

    def send_while_connecting(self, command: bytes) -> asyncio.Future[Reply]:
        """`send` before the connection is usable for everybody."""
        if not self._connected:
            raise CacheUnavailableError
        return self._send(command)

    def _send(self, command: bytes) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._ask(command, partial(_resolve, future))
        return future

    def _ask(self, command: bytes, receiver: Receiver) -> None:
        loop = self._loop
        if loop is None:
            raise CacheUnavailableError
        self._pending.append((loop.time(), receiver))
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append(command)

    def _flush(self) -> None:
        data, self._outgoing = self._outgoing, []
        if self._transport is not None:
            self._transport.write(b"".join(data))

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait for them."""
        self._reader.feed(data)
        while True:
            reply = self._reader.gets()
            if reply is False:
                return
            _, receiver = self._pending.popleft()
            receiver(RedisRefusedError(str(reply)) if isinstance(reply, hiredis.ReplyError) else reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Redis or the network ended it."""
        self._drop("lost")

    def _drop(self, reason: str) -> None:
        if self._usable:
            metrics.CACHE_FAILURES.labels(reason).inc()
        self._usable = self._connected = False
        metrics.CACHE_UP.set(0)
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self._outgoing.clear()
        pending, self._pending = self._pending, deque()
        for _, receiver in pending:
            receiver(CacheUnavailableError())
        self._lost.set()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=hiredis.ReplyError)
        self._lost.clear()
        async with asyncio.timeout(CONNECT_TIMEOUT):
            self._transport, _ = await loop.create_connection(lambda: self, *self._address)
            if self._password:
                await self._send(packed(b"AUTH", self._password))
            await self._send(packed(b"PING"))
            self._connected = True
            if self.before_use is not None:
                await self.before_use()
        self._usable = True
        metrics.CACHE_UP.set(1)

    async def _keep(self) -> None:
        retry = FIRST_RETRY
        while True:
            if self._usable:
                retry = FIRST_RETRY
                await self._watch()
            self._drop("reconnecting")
            await asyncio.sleep(retry * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            retry = min(retry * 2, LONGEST_RETRY)
            try:
                await self._connect()
            except (OSError, CacheUnavailableError, TimeoutError):
                continue

    async def _watch(self) -> None:
        """Until the connection is lost or an answer takes too long."""
        loop = asyncio.get_running_loop()
        while not self._lost.is_set():
            try:
                await asyncio.wait_for(self._lost.wait(), WATCH_INTERVAL)
            except TimeoutError:
                if self._pending and loop.time() - self._pending[0][0] > ANSWER_TIMEOUT:
                    self._drop("timeout")


def _resolve(future: asyncio.Future[Reply], reply: Reply | CacheUnavailableError) -> None:
    if future.done():
        return
    if isinstance(reply, CacheUnavailableError):
        future.set_exception(reply)
    else:
        future.set_result(reply)


class WhileConnecting:
    """The same connection for `before_use` alone: open before it is usable for everybody."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def send(self, command: bytes) -> Awaitable[Reply]:
        """Send one `packed` command; its answer. Raises CacheUnavailableError, at once or when awaited."""
        return self._connection.send_while_connecting(command)


class RedisRefusedError(CacheUnavailableError):
    """Redis answered with an error, such as an unknown script or a full disk."""
