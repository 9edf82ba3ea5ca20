"""Knative's pod autoscaler on concurrency, by its published algorithm: two windows, stable and panic.

Sources: Knative Serving's documentation "About autoscaling" and "Configuring the autoscaler" and the comments of its
packages autoscaler/scaling and autoscaler/aggregation: stable window 60 s, panic window 10 % of it, panic threshold
200 %, at most 1000 times more and half as many pods a decision, one decision every 2 s.
"""

from math import ceil, floor

TICK = 2
STABLE, PANIC = 60, 6
THRESHOLD = 2.0
UP, DOWN = 1000, 2


class Window:
    """Buckets of a second. Seconds between two records count as zero; before the first and after the last as none."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._buckets: dict[int, float] = {}
        self._first = self._last = 0

    def record(self, second: int, value: float) -> None:
        """Add to a second's bucket; after a whole window of silence everything begins anew."""
        if not self._buckets or second - self._last >= self.length:
            self._buckets, self._first, self._last = {}, second, second
        self._last = max(self._last, second)
        self._buckets[second] = self._buckets.get(second, 0.0) + value
        self._buckets = {at: each for at, each in self._buckets.items() if at > self._last - self.length}

    def average(self, now: int) -> float | None:
        """Mean over the window's part that is known; None when nothing came for longer than a window."""
        silent = max(0, now - self._last)
        if not self._buckets or silent > self.length:
            return None
        known = min(self._last - self._first + 1, self.length - silent)
        total = sum(value for at, value in self._buckets.items() if at > now - self.length)
        return total / known if known > 0 else 0.0


class Autoscaler:
    """One revision's. A new one that finds several pods starts in panic, so that a restart takes none away."""

    def __init__(self, target: float, ready: int, now: float) -> None:
        self.target = target
        self.panic_since = now if ready > 1 else None
        self.most = ready

    def scale(self, stable: float | None, burst: float | None, ready: int, now: float) -> int | None:
        """Pods wanted for the two averages of the sum of requests in flight; None without data: hold."""
        if stable is None:
            return None
        there = max(1, ready)
        by_stable, by_burst = ceil(stable / self.target), ceil((burst or 0.0) / self.target)
        if by_burst / there >= THRESHOLD:
            self.panic_since = now
        elif self.panic_since is not None and now - self.panic_since > STABLE:
            self.panic_since, self.most = None, 0
        wanted = _within(by_stable, there)
        if self.panic_since is None:
            return wanted
        self.most = max(self.most, wanted, _within(by_burst, there))
        return self.most


def _within(pods: int, ready: int) -> int:
    """Neither more than the greatest growth of one decision nor less than its greatest fall."""
    return min(ceil(UP * ready), max(floor(ready / DOWN), pods))
