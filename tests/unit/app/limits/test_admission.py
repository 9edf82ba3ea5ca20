import asyncio

import pytest

from ip2a.limits.admission import Bound, Gate, Pool, ShedError


async def test_waiters_are_admitted_in_order() -> None:
    gate, order = Gate("test-order", Bound(1, 1, 10, 5)), []
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
    gate = Gate("test-full", Bound(1, 1, 1, 0.05))
    await gate.enter()
    late = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    with pytest.raises(ShedError, match="queue-full"):
        await gate.enter()
    with pytest.raises(ShedError, match="deadline"):
        await late
    gate.leave()
    await gate.enter()


async def crowd(gate: Gate, people: int) -> list[asyncio.Task[None]]:
    """So many more who wait."""
    tasks = [asyncio.create_task(gate.enter()) for _ in range(people)]
    await asyncio.sleep(0)
    return tasks


async def test_a_queue_that_moves_fast_takes_a_burst_in() -> None:
    gate = Gate("test-burst", Bound(1, 1, 1000, 2))
    await gate.enter()
    for _ in range(100):  # at 30 ms each, as is assumed at first, 67 could wait
        (waiting,) = await crowd(gate, 1)
        gate.leave()
        await waiting
    burst = await crowd(gate, 500)
    assert not any(task.done() for task in burst)
    for task in burst:
        gate.leave()
        await task
    gate.leave()


async def test_a_queue_that_hardly_moves_refuses_at_once_and_recovers() -> None:
    gate = Gate("test-slow", Bound(1, 1, 1000, 0.2))
    await gate.enter()
    first, *refused = await crowd(gate, 10)
    for task in refused[6:]:  # 6 × 30 ms fit
        with pytest.raises(ShedError, match="too-slow"):
            await task
    with pytest.raises(ShedError, match="deadline"):
        await first
    await asyncio.gather(*refused, return_exceptions=True)
    for _ in range(100):
        (waiting,) = await crowd(gate, 1)
        gate.leave()
        await waiting
    assert not any(task.done() for task in await crowd(gate, 50))


async def test_who_goes_away_takes_no_place() -> None:
    gate = Gate("test-cancel", Bound(1, 1, 5, 5))
    await gate.enter()
    gone, next_one = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.wait_for(next_one, 1)


async def test_admitted_and_cancelled_at_once_passes_the_place_on() -> None:
    gate = Gate("test-race", Bound(1, 1, 5, 5))
    await gate.enter()
    unlucky = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave()
    unlucky.cancel()
    await asyncio.gather(unlucky, return_exceptions=True)
    await asyncio.wait_for(gate.enter(), 1)


async def test_a_class_uses_what_others_leave_but_for_the_spare() -> None:
    pool = Pool(10, spare=2)
    many, few = Gate("test-many", Bound(2, 9, 100, 5), pool), Gate("test-few", Bound(3, 6, 100, 5), pool)
    waiting = await crowd(many, 12)
    assert many.active == 8
    await few.enter()
    await few.enter()  # the spare is for who has less than its share
    late = (await crowd(few, 1))[0]
    many.leave()
    await asyncio.wait_for(late, 1)  # before the four of the other class, who came earlier
    assert (many.active, few.active) == (7, 3)
    for _ in range(3):
        few.leave()
    await asyncio.sleep(0)
    assert many.active == 8
    while many.active:
        many.leave()
        await asyncio.sleep(0)
    assert all(task.done() for task in waiting)
    await asyncio.gather(*await crowd(few, 6))
    assert few.active == 6


async def test_nobody_has_more_than_the_most_and_the_pool_is_never_exceeded() -> None:
    pool = Pool(4)
    gates = [Gate(f"test-of-{number}", Bound(2, 3, 100, 5), pool) for number in range(3)]
    for gate in gates:
        await crowd(gate, 5)
    assert [gate.active for gate in gates] == [3, 1, 0]
    for _ in range(20):
        for gate in gates:
            if gate.active:
                gate.leave()
                await asyncio.sleep(0)
            assert sum(each.active for each in gates) <= 4
            assert gate.active <= 3
    assert [gate.active for gate in gates] == [0, 0, 0]
