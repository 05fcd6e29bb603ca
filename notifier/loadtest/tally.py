"""What was sent against what each window saw. Pure: no clock, no loop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass
class Seen:
    """What one window saw: messages by number with their time, and how its ids went."""

    person: int
    arrivals: dict[int, float] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)
    newest: int = 0
    duplicated: int = 0
    out_of_order: int = 0

    def event(self, event_id: int) -> bool:
        """Whether an event with this id is new here."""
        if event_id in self.ids:
            self.duplicated += 1
            return False
        self.ids.add(event_id)
        if event_id < self.newest:
            self.out_of_order += 1
        self.newest = max(self.newest, event_id)
        return True


class Tally:
    """The whole run. Messages are known by their number; times are of one monotonic clock."""

    def __init__(self, windows: list[Seen]) -> None:
        self.windows = windows
        self.sent: dict[int, tuple[int, float]] = {}
        self.refused: Counter[str] = Counter()
        self.reconnects = 0

    def stored(self, number: int, recipient: int, began: float) -> None:
        """Message `number`, whose sending began then, was accepted for the person `recipient`."""
        self.sent[number] = (recipient, began)

    def missing(self) -> int:
        """Arrivals that are still to come."""
        return sum(
            number not in window.arrivals
            for window in self.windows
            for number, (recipient, _) in self.sent.items()
            if recipient == window.person
        )

    def figures(self) -> dict[str, object]:
        """Everything that a run is judged by; times in milliseconds from send to arrival."""
        waits = sorted(
            1_000 * (at - self.sent[number][1])
            for window in self.windows
            for number, at in window.arrivals.items()
            if number in self.sent
        )
        return {
            "streams": len(self.windows),
            "sent": len(self.sent),
            "arrived": len(waits),
            "reconnects": self.reconnects,
            **{f"p{share:g}_ms": percentile(waits, share) for share in PERCENTILES},
            "max_ms": round(waits[-1], 1) if waits else None,
            "lost": self.missing(),
            "duplicated": sum(window.duplicated for window in self.windows),
            "out_of_order": sum(window.out_of_order for window in self.windows),
            "refused": self.refused.total(),
        }

    @property
    def faults(self) -> int:
        """What must be 0: lost, duplicated, out of order, refused."""
        order = sum(window.duplicated + window.out_of_order for window in self.windows)
        return self.missing() + order + self.refused.total()


def percentile(ordered: list[float], share: float) -> float | None:
    """By the nearest rank; None of nothing."""
    if not ordered:
        return None
    return round(ordered[max(0, ceil(len(ordered) * share / 100) - 1)], 1)
