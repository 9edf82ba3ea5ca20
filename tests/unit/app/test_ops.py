"""Probes and metrics of a process that is full, stuck or about to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from ip2a.ops import STUCK, OpsThread, Pulse, ops_application

HOST = "127.0.0.1"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(port: int, path: str) -> tuple[int, str]:
    answer = httpx.get(f"http://{HOST}:{port}{path}", trust_env=False, timeout=10)
    return answer.status_code, answer.text


@contextmanager
def told_by(pulse: Pulse, state: Callable[[], str]) -> Iterator[int]:
    thread = OpsThread(ops_application(pulse, state), HOST, 0)
    thread.start()
    yield thread.port
    asyncio.run(thread.stop())


async def test_it_answers_while_the_event_loop_does_not_turn() -> None:
    thread = OpsThread(ops_application(Pulse(), lambda: "ready"), HOST, 0)
    thread.start()
    found: list[int] = []
    paths = ("/livez", "/readyz", "/metrics")
    asking = threading.Thread(target=lambda: found.extend(ask(thread.port, path)[0] for path in paths))
    asking.start()
    asking.join(timeout=30)  # in the event loop: nothing else gets a turn here
    assert found == [200, 200, 200]
    port = thread.port
    await thread.stop()
    with pytest.raises(httpx.ConnectError):
        await asyncio.to_thread(ask, port, "/livez")


def test_a_loop_that_stands_still_is_neither_ready_nor_alive() -> None:
    clock = Clock()
    with told_by(Pulse(clock), lambda: "ready") as port:
        clock.now += STUCK - 1
        assert (ask(port, "/livez")[0], ask(port, "/readyz")[0]) == (200, 200)
        clock.now += 2
        assert ask(port, "/livez") == (503, '{"status":"stuck"}')
        assert ask(port, "/readyz") == (503, '{"status":"stuck"}')


async def test_a_loop_that_turns_gives_signs_of_life() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += STUCK + 1
    before = pulse.alive
    beating = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0)
    assert (before, pulse.alive) == (False, True)
    beating.cancel()


@pytest.mark.parametrize("state", ["starting", "draining"])
def test_only_the_ready_get_requests(state: str) -> None:
    with told_by(Pulse(), lambda: state) as port:
        assert ask(port, "/readyz") == (503, f'{{"status":"{state}"}}')
        assert ask(port, "/livez")[0] == 200


def test_a_port_in_use_ends_the_process() -> None:
    with told_by(Pulse(), lambda: "ready") as port:
        assert ask(port, "/livez")[0] == 200
        with pytest.raises(SystemExit):
            OpsThread(ops_application(Pulse(), lambda: "ready"), HOST, port)
