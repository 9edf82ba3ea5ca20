"""What must hold whatever the speed: limits shared by twenty pods, and an overload that ends when its load does."""

from __future__ import annotations

import asyncio
import secrets
import time

from bench.app.stage import Application, Stage
from bench.harness import Row, bars, judged, reported
from bench.load.users import Connection
from devcluster.services.process import HOST
from ip2a.cache.connection import RedisConnection
from ip2a.cache.store import Cache
from ip2a.limits.rates import Rate

PODS, ASKED, RATE = 20, 1200, Rate("bench", 600, 100_000)
CLIENTS, OVERLOAD_SECONDS = 400, 8.0
CALM = 0.1  # seconds an uncached read takes at most when all is well
IN_A_ROW = 10


def promises(scene: Stage, application: Application) -> list[Row]:
    """The rows of limits and recovery."""
    limits = bars("app")
    errors = [asyncio.run(_limit_error(scene)) for _ in range(3)]
    recovery, answered, refused = asyncio.run(_overload(scene, application))
    return [
        judged(limits["limit_error"], errors),
        judged(limits["overload_recovery"], [recovery]),
        reported("overload: answered", "requests", [float(answered)]),
        reported("overload: refused by 503 or 429", "requests", [float(refused)]),
    ]


async def _limit_error(scene: Stage) -> float:
    """Percent by which the requests let through differ from the limit, asked by all pods at once."""
    redis, key = scene.redis, secrets.token_bytes(8)
    pods = [RedisConnection(redis.endpoint.host, redis.endpoint.port, redis.password) for _ in range(PODS)]
    await asyncio.gather(*(pod.start() for pod in pods))

    async def ask(pod: RedisConnection) -> int:
        cache = Cache(pod)
        answers = [await cache.check(key, *RATE.arguments, ()) for _ in range(ASKED // PODS)]
        return sum(answer.wait == 0 for answer in answers)

    allowed = sum(await asyncio.gather(*map(ask, pods)))
    await asyncio.gather(*(pod.close() for pod in pods))
    return abs(allowed - RATE.per_minute) / RATE.per_minute * 100


async def _overload(scene: Stage, application: Application) -> tuple[float, int, int]:
    """Clients that ask for what nobody has cached and repeat at once what is refused; then, how long until calm."""
    until, counts = time.monotonic() + OVERLOAD_SECONDS, [0, 0]
    await asyncio.gather(*(_insist(application, token, until, counts) for token in scene.tokens[:CLIENTS]))
    ended, calm = time.monotonic(), 0
    first = ended
    connection = await _connected(application)
    for token in scene.tokens[CLIENTS : CLIENTS + 1000]:
        started = time.monotonic()
        status = await _read(connection, token)
        calm = calm + 1 if status == 200 and time.monotonic() - started <= CALM else 0
        first = started if calm == 1 else first
        if calm == IN_A_ROW:
            return first - ended, counts[0], counts[1]
    raise RuntimeError("not back to normal after a thousand reads")


async def _insist(application: Application, token: str, until: float, counts: list[int]) -> None:
    connection = await _connected(application)
    while time.monotonic() < until:
        status = await _read(connection, token)
        counts[status != 200] += 1
        if status not in {200, 429, 503}:
            raise RuntimeError(f"an overload was answered by {status}")
        if status != 200:
            await asyncio.sleep(0.05)


async def _connected(application: Application) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, HOST, application.port)
    return connection


async def _read(connection: Connection, token: str) -> int:
    """The status of a page of dues of a size that this member hardly asked for lately: not from the cache."""
    head = f"GET /api/v1/my/dues?limit={1 + secrets.randbelow(100)} HTTP/1.1\r\nhost: localhost\r\n"
    answer = await connection.ask(f"{head}authorization: Bearer {token}\r\n\r\n".encode())
    return int(answer[9:12])
