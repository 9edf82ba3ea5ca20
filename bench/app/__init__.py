"""What a request costs: ours against a bare ASGI hello and against what a competent user would write.

Server on one core, generator on the other; every value is from real PostgreSQL, PgBouncer and Redis.
"""

from bench.app.measurement import measure

__all__ = ["measure"]
