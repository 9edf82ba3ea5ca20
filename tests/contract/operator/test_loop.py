"""The loop: bursts become one reconciliation, failures back off deaf to events, the end is heard at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ip2a_operator.errors import RejectedError, UnavailableError
from ip2a_operator.reconcile import loop as module
from ip2a_operator.reconcile.loop import Loop
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.wakeups import Wakeups

KEY = Key("members", "local46")


class Flag(asyncio.Event):
    """A stop flag as the loop wants it."""

    def __bool__(self) -> bool:
        return self.is_set()


class Bench:
    """Counts reconciliations and can be told to fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures: list[Exception] = []
        self.results: list[str] = []
        self.called = asyncio.Event()
        self.wakeups = Wakeups()
        self.stopped = Flag()

    async def reconcile(self, key: Key) -> float | None:
        self.calls += 1
        self.called.set()
        if self.failures:
            raise self.failures.pop(0)
        return None

    def reconciled(self, key: Key, seconds: float, result: str) -> None:
        self.results.append(result)

    async def next_call(self, within: float = 5.0) -> None:
        self.called.clear()
        await asyncio.wait_for(self.called.wait(), within)


@asynccontextmanager
async def running(bench: Bench, resync: float = 600.0) -> AsyncIterator[None]:
    loop = Loop(bench.reconcile, bench.wakeups, asyncio.Semaphore(1), bench, resync)
    task = asyncio.create_task(loop.run(KEY, bench.stopped))
    try:
        yield
    finally:
        bench.stopped.set()
        await asyncio.wait_for(task, 2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEBOUNCE_SECONDS", 0.05)


async def test_burst_becomes_one_reconciliation() -> None:
    bench = Bench()
    async with running(bench):
        await bench.next_call()
        for _ in range(50):
            bench.wakeups.wake(KEY)
            await asyncio.sleep(0)
        await bench.next_call()
        await asyncio.sleep(0.2)
        assert bench.calls == 2


async def test_quiet_resource_is_looked_at_again() -> None:
    bench = Bench()
    async with running(bench, resync=0.2):
        await bench.next_call()
        await bench.next_call(within=2)


async def test_failure_is_retried_with_backoff_and_deaf_to_events() -> None:
    bench = Bench()
    bench.failures = [UnavailableError("down"), RejectedError("no"), ValueError("bug")]
    async with running(bench):
        await bench.next_call()
        began = asyncio.get_running_loop().time()
        bench.wakeups.wake(KEY)
        await bench.next_call()
        assert asyncio.get_running_loop().time() - began > 0.6
        await bench.next_call()
        await bench.next_call(within=10)
    assert bench.results == ["ApiUnavailable", "Rejected", "Bug", "success"]


async def test_change_during_a_reconciliation_is_not_lost() -> None:
    bench = Bench()
    async with running(bench):
        await bench.next_call()
        bench.wakeups.wake(KEY)
        await bench.next_call()
        assert bench.calls == 2


async def test_end_is_heard_while_waiting_and_nothing_runs_after() -> None:
    bench = Bench()
    async with running(bench):
        await bench.next_call()
    calls = bench.calls
    bench.wakeups.wake(KEY)
    await asyncio.sleep(0.2)
    assert bench.calls == calls
