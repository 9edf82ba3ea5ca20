"""Ten thousand people at once: what they wait for, what is refused, and which process is the next bottleneck.

`make load USERS=10000`: app, two poolers, PostgreSQL with a replica and Redis, all on this machine with the generator.
"""

from bench.load.measurement import measure

__all__ = ["measure"]
