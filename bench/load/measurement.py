"""One run of the load, judged by the bars [load.*], with the CPU of every process beside it."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import httpx

from bench.app.stage import DATABASE, PASSWORD, ROOT, Stage, cpu_of, ours, served, stage
from bench.harness import Row, bars, judged, reported
from bench.load.users import BY_PASSWORD, Plan, Result
from devcluster.services.process import HOST

Usage = Callable[[], dict[str, float]]
"""CPU seconds so far by program."""

ARRIVALS = 50.0  # people a second during the ramp: a fifth of them costs a password hash
ARRIVALS_LOGGED_IN = 200.0
SETTLE = 120.0  # until most people have seen most of their pages once; what is measured is a working day, not its dawn
SETTLE_BASELINE = 10.0
POOLS = {
    "IP2A_DB_POOL_SIZE": "10",
    "IP2A_DB_MAX_OVERFLOW": "10",
    "IP2A_DB_READ_POOL_SIZE": "10",
    "IP2A_DB_READ_MAX_OVERFLOW": "10",
}
"""One process has each pooler (stage.POOL_SIZE) for itself, so it may use all of it."""
BASELINE = ("profile", "pay")  # what the baseline stack has
CACHEABLE = r'ip2a_cache_requests_total\{read="(?!principal)[^"]*",result="%s"\} (\S+)'


def measure(arguments: list[str]) -> Sequence[Row]:
    """All rows. `--users N`, `--seconds S`, `--baseline-users N` (0: leave the baseline out)."""
    parser = argparse.ArgumentParser(prog="python -m bench load")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--baseline-users", type=int, default=0)
    options = parser.parse_args(arguments)
    with stage(people=max(options.users, options.baseline_users), history=True) as scene:
        rows = _ours(scene, options.users, options.seconds)
        if options.baseline_users:
            rows += _baseline(scene, options.baseline_users, options.seconds)
    return rows


def _ours(scene: Stage, users: int, seconds: float) -> list[Row]:
    limits = bars("load")
    refresh = _refresh_tokens(scene, users)
    with ours(scene.environment | POOLS, pinned=False) as application:
        watch = _Connections(scene)
        metrics = Metrics([f"http://{HOST}:{application.ops_port}/metrics"])
        used = _usage({"app": application.pid, **scene.pids()})
        result, cpu = run(plan_of(application.port, users, seconds, refresh), used, metrics)
        connections = watch.close()
    show(result)
    return [
        judged(limits["throughput"], [result.answered / result.seconds]),
        judged(limits["mean"], [result.mean]),
        judged(limits["p95"], [result.p95]),
        judged(limits["errors"], [float(sum(result.errors.values()))]),
        judged(limits["hit_rate"], [metrics.hit_rate()]),
        judged(limits["database_connections"], [float(connections)]),
        *details(result, cpu),
    ]


def details(result: Result, cpu: dict[str, float]) -> list[Row]:
    """What is not judged: CPU by program and times by request."""
    return [
        reported("users", "users", [float(result.begun)]),
        reported("p99", "ms", [result.p99]),
        reported("worst", "ms", [result.worst]),
        reported("errors while arriving", "requests", [float(sum(result.ramp_errors.values()))]),
        *(reported(f"CPU of {name}", "cores", [value]) for name, value in cpu.items()),
        *(reported(f"p95 of {name}", "ms", [value]) for name, value in result.p95_by_name.items()),
    ]


def _baseline(scene: Stage, users: int, seconds: float) -> list[Row]:
    """The same people at the stack of bench.app.naive, which has their profile and their payments only."""
    environment = {**scene.environment, "BENCH_DB_USER": "bench_naive", "IP2A_DB_PASSWORD": "bench"}
    with served("bench.app.naive.application:app", environment, "/docs", pinned=False) as application:
        plan = replace(
            plan_of(application.port, users, seconds, {}),
            only=BASELINE,
            bearer=tuple(scene.tokens[:users]),
            settle=SETTLE_BASELINE,
        )
        result, cpu = run(plan, _usage({"app": application.pid, **scene.pids()}), None)
    show(result)
    failed = float(sum(result.errors.values()) + sum(result.ramp_errors.values()))
    return [
        reported("baseline: users", "users", [float(result.begun)]),
        reported("baseline: answered", "requests/s", [result.answered / max(1.0, result.seconds)]),
        reported("baseline: mean", "ms", [result.mean]),
        reported("baseline: p95", "ms", [result.p95]),
        reported("baseline: errors", "requests", [failed]),
        reported("baseline: CPU of app", "cores", [cpu["app"]]),
    ]


def plan_of(port: int, users: int, seconds: float, refresh: dict[str, str]) -> Plan:
    """What so many people do, `seconds` of it measured; `refresh` as in Plan."""
    return Plan(
        host=HOST,
        port=port,
        users=users,
        ramp=users / (ARRIVALS if refresh else ARRIVALS_LOGGED_IN),
        settle=SETTLE,
        seconds=seconds,
        think=(3.0, 7.0),
        password=PASSWORD,
        refresh=refresh,
    )


def _usage(programs: dict[str, int]) -> Usage:
    return lambda: {name: cpu_of(pid) for name, pid in programs.items()}


def run(plan: Plan, usage: Usage, metrics: Metrics | None) -> tuple[Result, dict[str, float]]:
    """Run the generator; returns what it saw and the cores each program used while it measured."""
    with subprocess.Popen(
        [sys.executable, "-c", "from bench.load.users import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as generator:
        assert generator.stdin is not None
        assert generator.stdout is not None
        generator.stdin.write(json.dumps(asdict(plan)))
        generator.stdin.close()

        def used() -> dict[str, float]:
            return {**usage(), "generator": cpu_of(generator.pid)}

        assert generator.stdout.readline().strip() == "measuring"
        before, started = used(), time.monotonic()
        if metrics:
            metrics.begin()
        time.sleep(plan.seconds - 1)  # the processes must still be there
        seconds = time.monotonic() - started
        cpu = {name: (value - before.get(name, 0.0)) / seconds for name, value in used().items()}
        if metrics:
            metrics.end()
        result = Result(**json.loads(generator.stdout.readline()))
    return result, cpu


class Metrics:
    """What the platform counted meanwhile, in all its processes."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls
        self._texts: list[str] = []

    def begin(self) -> None:
        """The count before."""
        self._texts = [self._get()]

    def end(self) -> None:
        """The count after."""
        self._texts.append(self._get())

    def hit_rate(self) -> float:
        """Percent of the cacheable reads that the cache answered."""
        hits, misses = (self._difference(CACHEABLE % what) for what in ("hit", "miss"))
        return 100 * hits / max(1, hits + misses)

    def _difference(self, pattern: str) -> float:
        first, last = (sum(float(value) for value in re.findall(pattern, text)) for text in self._texts)
        return last - first

    def _get(self) -> str:
        return "".join(httpx.get(url, timeout=10, trust_env=False).text for url in self.urls)


class _Connections:
    """The most client connections that both servers counted at a time."""

    def __init__(self, scene: Stage) -> None:
        self._servers = (scene.servers.primary, *scene.servers.replicas)
        self._most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> int:
        self._done.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = %s"
        while not self._done.wait(2):
            count = 0
            for server in self._servers:
                with server.connect() as connection:
                    row = connection.execute(query, (DATABASE,)).fetchone()
                count += row[0] if row else 0
            self._most = max(self._most, count)


def _refresh_tokens(scene: Stage, users: int) -> dict[str, str]:
    """An open session for four of five people, as an earlier visit would have left it."""
    tokens = {number: secrets.token_urlsafe(32) for number in range(1, users + 1) if number % BY_PASSWORD}
    with scene.servers.primary.connect(DATABASE) as connection, connection.cursor() as cursor:
        columns = "(user_id, session_id, token_hash, issued_at, expires_at)"
        with cursor.copy(f"COPY refresh_tokens {columns} FROM STDIN") as copy:
            for number, token in tokens.items():
                digest = hashlib.sha256(token.encode()).hexdigest()
                session = f"00000000-0000-4000-8000-{number:012x}"
                copy.write_row((number, session, f"\\x{digest}", "now", "2100-01-01"))
    return {str(number): token for number, token in tokens.items()}


def show(result: Result) -> None:
    """What the rows have no place for."""
    print(f"errors: {result.errors}\nerrors while arriving: {result.ramp_errors}")
