"""One run of the load through Traefik, with the CPU of the cluster's programs beside it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from bench.harness import Row, reported
from bench.ingress.cluster import FIRST, Cluster, cpu_of_pods
from bench.load.measurement import Metrics, details, plan_of, run, show

PORT = 8080


def measure(arguments: list[str]) -> Sequence[Row]:
    """All rows. `--users N`, `--seconds S`. Raises StepFailed where no quickstart is up."""
    parser = argparse.ArgumentParser(prog="python -m bench ingress")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args(arguments)
    there = Cluster()
    plan = replace(
        plan_of(PORT, options.users, options.seconds, there.add_people(options.users)),
        first=FIRST,
    )
    metrics = Metrics(there.metrics())
    with there.watched() as connections:
        result, cpu = run(plan, cpu_of_pods, metrics)
    show(result)
    return [
        reported("throughput", "requests/s", [result.answered / max(1.0, result.seconds)]),
        reported("mean", "ms", [result.mean]),
        reported("p95", "ms", [result.p95]),
        reported("errors", "requests", [float(sum(result.errors.values()))]),
        reported("hit rate", "%", [metrics.hit_rate()]),
        reported("database connections", "connections", [float(max(connections, default=0))]),
        reported("app pods", "pods", [float(len(metrics.urls))]),
        *details(result, cpu),
    ]
