"""Figures that a process keeps of itself: plain numbers, read when somebody asks for them.

Pure: no clock, no loop, no Prometheus. What is counted here is counted on the way of every event,
so it must cost nothing: an addition, a search in a short tuple.
"""

from __future__ import annotations

from bisect import bisect_left

# From what nobody notices to one reconcile period and beyond; the budget for p99 is 3 ms.
SECONDS_BOUNDS = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30,
)  # fmt: skip


class Histogram:
    """How often a time was how long."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        # One more for what is beyond the last bound.
        self.counts = [0] * (len(SECONDS_BOUNDS) + 1)
        self.total = 0.0

    def seen(self, seconds: float) -> None:
        """One more that took `seconds`."""
        self.counts[bisect_left(SECONDS_BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' buckets: how many took at most so long."""
        found, count = [], 0
        for bound, here in zip((*SECONDS_BOUNDS, float("inf")), self.counts, strict=True):
            count += here
            found.append(("+Inf" if bound == float("inf") else str(bound), float(count)))
        return found
