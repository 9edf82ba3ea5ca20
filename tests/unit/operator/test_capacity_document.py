"""docs/capacity.md says what capacity.py computes. UPDATE_GOLDEN=1 writes it anew."""

import os
from pathlib import Path

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain import capacity
from ip2a_operator.domain.capacity import sizes
from ip2a_operator.domain.ledger import ledger

DOCUMENT = Path(__file__).parents[3] / "docs" / "capacity.md"
USERS = (100, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
HEADER = """# From users to sizes

Generated from `operator/src/ip2a_operator/domain/capacity.py` and `ledger.py`; any explicit field of the spec wins.

- Everybody asks once in {between} s in the busiest hour; a pod is planned for {pod} requests/s, {cpu} ms of CPU each.
- Two app pods at least; one read replica, a second from {second}, a third from {third} users on; two pods of each
  pooler from {pooler} users on.
- `max_connections` is what the ledger adds up: old and new pooler pods at once, each with its pool and reserve and
  as many connections again for looking up passwords, the migration, and {system} for the system; rounded up.

| users | requests/s | app pods | each | instances | each | max_connections | write pool | read pool | Redis |
|---|---|---|---|---|---|---|---|---|---|
"""


def document() -> str:
    header = HEADER.format(
        between=capacity.SECONDS_BETWEEN_REQUESTS,
        pod=capacity.REQUESTS_PER_POD,
        cpu=capacity.CPU_MILLISECONDS_PER_REQUEST,
        second=f"{capacity.SECOND_REPLICA_FROM:,}",
        third=f"{capacity.THIRD_REPLICA_FROM:,}",
        pooler=f"{capacity.SECOND_POOLER_FROM:,}",
        system=17,
    )
    return header + "".join(map(row, USERS))


def row(users: int) -> str:
    spec = IP2ASpec(users=users)
    made = sizes(spec)
    assert made.read is not None
    cells = (
        f"{users:,}",
        f"{made.requests_per_second:g}",
        str(made.app_replicas),
        f"{made.app.cpu}m, {made.app.memory} MiB",
        str(made.instances),
        f"{made.database.cpu}m, {made.database.memory} MiB",
        str(ledger(spec, made).max_connections),
        f"{made.write.pods} × ({made.write.size} + {made.write.reserve})",
        f"{made.read.pods} × ({made.read.size} + {made.read.reserve})",
        f"{made.cache_memory} MiB",
    )
    return f"| {' | '.join(cells)} |\n"


def test_document_says_what_is_computed() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(document(), encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == document()
