"""The measurements of the data path, one function a bar."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bench.app.generator import Generator, Load
from bench.app.promises import promises
from bench.app.stage import PASSWORD, Application, Stage, cpu_of, layer, ours, served, stage
from bench.harness import Pair, Row, alternate, bars, judged, judged_pairs, reported

PAIRS = 7
PROFILE = "/api/v1/my/profile"
PAYMENT = Load("/api/v1/my/dues/NUMBER/payments", "POST", '{"amount_cents": 1}', seconds=2)
LOGIN_BODY = '{"email": "NUMBER@bench.example", "password": "%s"}'
ROUTES = 540
MANY = 1_000_000
LAYERS = (
    ("constant", "server alone"),
    ("memory", "server, credentials, headers, metrics, log"),
    ("asgi", "all of a cached read, with a task and ASGI"),
)


def measure(arguments: list[str]) -> Sequence[Row]:
    """All rows; `--pairs N` for fewer pairs and `--only GROUP[,GROUP]` for some rows while trying."""
    parser = argparse.ArgumentParser(prog="python -m bench app")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--only", default="", help="as cached,missed; all names are in rows()")
    options = parser.parse_args(arguments)
    with stage() as scene, ExitStack() as stack:
        generator = Generator(scene.tokens)
        stack.callback(generator.close)
        return _Measurement(scene, generator, stack, options.pairs).rows(options.only)


class _Measurement:
    def __init__(self, scene: Stage, generator: Generator, stack: ExitStack, pairs: int) -> None:
        naive = {**scene.environment, "BENCH_DB_USER": "bench_naive", "IP2A_DB_PASSWORD": "bench"}
        self._scene = scene
        self._generator = generator
        self._pairs = pairs
        self._bars = bars("app")
        self._ours = stack.enter_context(ours(scene.environment))
        self._hello = stack.enter_context(served("bench.app.hello:app", scene.environment))
        self._naive = stack.enter_context(served("bench.app.naive.application:app", naive, "/docs"))
        self._uncached = stack.enter_context(
            served("bench.app.naive.application:app", naive | {"BENCH_CACHE": "0"}, "/docs")
        )

    def rows(self, only: str) -> list[Row]:
        """Of the groups named, or of all. Cheap ones first: a broken server is noticed early."""
        groups: dict[str, Callable[[], list[Row]]] = {
            "cached": self._cached,
            "missed": self._missed,
            "payments": self._payments,
            "logins": self._logins,
            "layers": self._layers,
            "growth": self._growth,
            "members": self._members,
            "promises": lambda: promises(self._scene, self._ours),
        }
        rows: list[Row] = []
        for name in only.split(",") if only else groups:
            rows += groups[name]()
            print(f"{name} done", flush=True)
        return rows

    def _rate(self, application: Application, load: Load) -> float:
        return self._generator.run(application, load).per_second

    def _cpu(self, application: Application, load: Load) -> float:
        return self._generator.run(application, load).cpu_microseconds

    def _cached(self) -> list[Row]:
        load = Load(PROFILE)
        self._fill(self._ours)
        self._scene.fill_baseline_cache()
        against_hello = alternate(
            lambda: self._rate(self._ours, load), lambda: self._rate(self._hello, load), self._pairs
        )
        against_naive = alternate(
            lambda: self._rate(self._ours, load), lambda: self._rate(self._naive, load), self._pairs
        )
        cpu = [self._cpu(self._ours, load) for _ in range(3)]
        hello = [self._cpu(self._hello, load) for _ in range(3)]
        naive = [self._cpu(self._naive, load) for _ in range(3)]
        return [
            judged_pairs(self._bars["cached_vs_hello"], against_hello),
            judged_pairs(self._bars["cached_vs_baseline"], against_naive),
            reported("cached read, server CPU", "µs", cpu),
            reported("bare ASGI hello, server CPU", "µs", hello),
            reported("baseline cached read, server CPU", "µs", naive),
        ]

    def _fill(self, application: Application) -> None:
        """Every identity once, so that what follows is answered from the cache."""
        _ask_all(application, self._generator, len(self._scene.tokens))

    def _missed(self) -> list[Row]:
        load = Load(PROFILE, seconds=2)
        cpu: list[float] = []

        def missed() -> float:
            self._scene.forget("ip2a:1:profile:*")
            answered = self._generator.run(self._ours, load)
            cpu.append(answered.cpu_microseconds)
            return answered.per_second

        pairs = alternate(missed, lambda: self._rate(self._uncached, load), self._pairs)
        return [
            judged(self._bars["uncached_cpu"], cpu),
            judged_pairs(self._bars["uncached_vs_baseline"], pairs),
        ]

    def _payments(self) -> list[Row]:
        cpu: list[float] = []

        def paid() -> float:
            answered = self._generator.run(self._ours, PAYMENT)
            cpu.append(answered.cpu_microseconds)
            return answered.per_second

        pairs = alternate(paid, lambda: self._rate(self._naive, PAYMENT), self._pairs)
        return [
            judged_pairs(self._bars["payment_vs_baseline"], pairs),
            reported("payment, server CPU", "µs", cpu),
        ]

    def _logins(self) -> list[Row]:
        """Against a server that does nothing but the hash, so that both hash on the same core beside an event loop."""
        load = Load("/api/v1/auth/login", "POST", LOGIN_BODY % PASSWORD, connections=2, seconds=2)
        with layer("hash", self._scene.environment) as hashing:
            pairs = alternate(lambda: self._cpu(self._ours, load), lambda: self._cpu(hashing, load), self._pairs)
        return [
            judged(self._bars["login_cpu"], [(pair.ours - pair.theirs) / 1000 for pair in pairs]),
            reported("the hash of a log-in, server CPU", "ms", [pair.theirs / 1000 for pair in pairs]),
        ]

    def _layers(self) -> list[Row]:
        """Server CPU of a cached read with ever more of the platform in it, all through the same generator."""
        load = Load(PROFILE)
        rows = [self._layer("layer: server and ASGI (bare hello)", self._hello, load)]
        for name, what in LAYERS:
            with layer(name, self._scene.environment) as application:
                if name != "constant":
                    self._fill(application)
                rows.append(self._layer(f"layer: {what}", application, load))
        self._fill(self._ours)
        return [*rows, self._layer("layer: all of a cached read", self._ours, load)]

    def _layer(self, name: str, application: Application, load: Load) -> Row:
        return reported(name, "µs", [self._cpu(application, load) for _ in range(3)])

    def _growth(self) -> list[Row]:
        bar = self._bars["growth"]

        def cost(application: Application, connections: int) -> float:
            return self._generator.run(application, Load(PROFILE, connections=connections)).cpu_microseconds

        self._fill(self._ours)
        with layer("routes", self._scene.environment | {"BENCH_ROUTES": str(ROUTES)}) as many:
            self._fill(many)
            routes = alternate(lambda: cost(many, 32), lambda: cost(self._ours, 32), self._pairs)
        self._fill(self._ours)  # what was filled first may have expired by now
        connections = alternate(lambda: cost(self._ours, 256), lambda: cost(self._ours, 16), self._pairs)
        return [
            judged(bar, [_median_growth(routes)], f"routes to {ROUTES} more"),
            judged(bar, [_median_growth(connections)], "connections 16 to 256"),
        ]

    def _members(self) -> list[Row]:
        """An uncached read among few members and among many: CPU of the platform, the poolers and the databases."""
        with ExitStack() as stack:
            many = stack.enter_context(stage(people=MANY, tokens=len(self._scene.tokens)))
            generator = Generator(many.tokens)
            stack.callback(generator.close)
            theirs = stack.enter_context(ours(many.environment))
            _ask_all(theirs, generator, len(many.tokens))  # what is judged is the size, not the first touch of a page
            _ask_all(self._ours, self._generator, len(self._scene.tokens))
            pairs = alternate(
                lambda: _missed_cost(many, theirs, generator),
                lambda: _missed_cost(self._scene, self._ours, self._generator),
                self._pairs,
            )
        few = f"members {len(self._scene.tokens)} to {MANY}"
        return [judged(self._bars["growth"], [_median_growth(pairs)], few)]


def _ask_all(application: Application, generator: Generator, identities: int) -> None:
    sent = 0
    while sent < identities:
        sent += generator.run(application, Load(PROFILE)).requests


def _missed_cost(scene: Stage, application: Application, generator: Generator) -> float:
    """Microseconds of CPU, all processes together, of a read that the cache does not have."""
    scene.forget("ip2a:1:profile:*")
    pids = (application.pid, *scene.pids().values())
    before = sum(map(cpu_of, pids))
    requests = generator.run(application, Load(PROFILE, seconds=2)).requests
    return (sum(map(cpu_of, pids)) - before) / requests * 1e6


def _median_growth(pairs: Sequence[Pair]) -> float:
    """The median pair's growth in percent: the bar itself is decided by the worst value."""
    ratios = sorted(pair.ours / pair.theirs for pair in pairs)
    return (ratios[len(ratios) // 2] - 1) * 100
