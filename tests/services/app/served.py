"""The platform as `ip2a-app serve` runs it, with a clock that a test sets and limits nobody reaches.

Everything else is the product: uvicorn, the edge, pools, Redis. Started by `processes`, with the platform's variables
in the environment. It ends when its standard input does, so that no process outlives a killed test run.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from ip2a import server
from ip2a.limits.limiter import Limiter, Question
from ip2a.limits.rates import Rate
from ip2a.observability import logs
from ip2a.runtime import Runtime, create_runtime
from ip2a.settings import Settings, load_settings

NO_LIMIT = 1_000_000


class FileClock:
    """The moment that stands in a file, or the wall clock while it is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> datetime:
        told = self._path.read_text()
        return datetime.fromisoformat(told) if told else datetime.now(UTC)


def raise_limits() -> None:
    """The limiter counts as ever, up to numbers that no test reaches."""
    question = Limiter.question

    def generous(self: Limiter, key: bytes, rate: Rate, wanted: Sequence[tuple[bytes, bytes]] = ()) -> Question:
        return question(self, key, Rate(rate.user_type, NO_LIMIT, NO_LIMIT), wanted)

    Limiter.question = generous  # type: ignore[method-assign]


def main() -> None:
    """Serve until SIGTERM, or until whoever started us is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ops-port", type=int, required=True)
    parser.add_argument("--clock", type=Path, required=True)
    options = parser.parse_args()
    clock = FileClock(options.clock)

    def with_our_clock(settings: Settings) -> Runtime:
        return create_runtime(settings, clock)

    server.create_runtime = with_our_clock  # type: ignore[assignment, attr-defined]  # a parameter less
    raise_limits()
    threading.Thread(target=_end_with_our_starter, daemon=True).start()
    logs.configure()
    serving = server.serve(
        load_settings(), host="127.0.0.1", port=options.port, ops_port=options.ops_port, drain_delay=0
    )
    uvloop.run(serving)


def _end_with_our_starter() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
