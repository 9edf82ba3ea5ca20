import asyncio

import pytest

from ip2a.limits.admission import Bound, Gate, ShedError


async def test_waiters_are_admitted_in_order() -> None:
    gate, order = Gate("test-order", Bound(1, 10, 5)), []
    await gate.enter()

    async def work(number: int) -> None:
        async with gate.admitted():
            order.append(number)

    waiting = [asyncio.create_task(work(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert order == []
    gate.leave()
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_a_full_queue_refuses_at_once_and_a_late_turn_in_time() -> None:
    gate = Gate("test-full", Bound(1, 1, 0.05))
    await gate.enter()
    late = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    with pytest.raises(ShedError, match="queue-full"):
        await gate.enter()
    with pytest.raises(ShedError, match="deadline"):
        await late
    gate.leave()
    await gate.enter()


async def test_who_goes_away_takes_no_place() -> None:
    gate = Gate("test-cancel", Bound(1, 5, 5))
    await gate.enter()
    gone, next_one = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.wait_for(next_one, 1)


async def test_admitted_and_cancelled_at_once_passes_the_place_on() -> None:
    gate = Gate("test-race", Bound(1, 5, 5))
    await gate.enter()
    unlucky = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave()
    unlucky.cancel()
    await asyncio.gather(unlucky, return_exceptions=True)
    await asyncio.wait_for(gate.enter(), 1)
