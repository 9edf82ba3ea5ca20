"""How long to wait after failures: exponential, capped, spread by the resource's identity, not by chance."""

from hashlib import sha256

LONGEST_DOUBLING = 16
"""2 to this power is beyond every cap in use; keeps the arithmetic small."""


def backoff(failures: int, identity: str, *, first: float = 1.0, cap: float = 120.0) -> float:
    """Seconds to wait after so many failures in a row (1 or more).

    The spread is up to a quarter less, different for each identity and attempt, so that resources that failed
    together do not come back together.
    """
    delay = min(cap, first * 2.0 ** min(max(failures, 1) - 1, LONGEST_DOUBLING))
    return delay * (1 - 0.25 * fraction(f"{identity}/{failures}"))


def fraction(identity: str) -> float:
    """A number in [0, 1) that is always the same for the same text."""
    return int.from_bytes(sha256(identity.encode()).digest()[:6], "big") / 2**48
