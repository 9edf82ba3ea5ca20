"""When a failed job is tried again. Pure."""

FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 3600.0


def wait_after(attempt: int, chance: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1); `chance` (0 to 1) spreads what failed together.

    Doubles from attempt to attempt up to an hour, and is between half and all of that.
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 20))
    return longest * (0.5 + chance / 2)
