"""What was sent against what was seen: lost, duplicated, out of order, and how long it took."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import Struct

# One line of a feed's log: person (from 0), sequence, monotonic time in nanoseconds. Native order:
# feed and client are on one machine.
SENT = Struct("=IQq")


@dataclass(frozen=True)
class Tally:
    """Events of one phase. Times are from publish (after the commit, where there is one) until
    the bytes were read from the stream's socket, in milliseconds.

    `stalled` of them were on their way while the host held a core back (`stalls`), `calm_p99_ms`
    is of the others; None where nobody knows.
    """

    sent: int
    received: int
    lost: int
    duplicated: int
    out_of_order: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    stalled: int | None = None
    calm_p99_ms: float | None = None

    @property
    def faults(self) -> int:
        return self.lost + self.duplicated + self.out_of_order

    def as_dict(self) -> dict[str, float | None]:
        return asdict(self)


def read_sent(log: Path) -> dict[tuple[int, int], int]:
    """A feed's log: the time of each (person, sequence)."""
    return {(person, seq): ns for person, seq, ns in SENT.iter_unpack(log.read_bytes())}


def rate(log: Path) -> float:
    """Events a second that the feed really made."""
    times = [ns for _, _, ns in SENT.iter_unpack(log.read_bytes())]
    seconds = (times[-1] - times[0]) / 1e9 if times else 0.0
    return round(len(times) / seconds, 1) if seconds else 0.0


def count(
    sent: dict[tuple[int, int], int],
    persons: Iterable[int],
    sequences: Iterable[int],
    times_ns: Iterable[int],
    shadows: Sequence[tuple[int, int]] | None = None,
) -> Tally:
    """Compare the feed's log with the crowd's.

    `shadows` are the times in which the machine made events late, in order and without overlaps.

    An event that was seen but is not in `sent` (the first state of a stream, say) is not counted;
    its order is.
    """
    seen: set[tuple[int, int]] = set()
    newest: dict[int, int] = {}
    duplicated = out_of_order = received = 0
    waits, calm = array("d"), array("d")
    begins = [begun for begun, _ in shadows or ()]
    for person, sequence, now in zip(persons, sequences, times_ns, strict=True):
        key = (person, sequence)
        if key in seen:
            duplicated += 1
            continue
        seen.add(key)
        if sequence < newest.get(person, 0):
            out_of_order += 1
        else:
            newest[person] = sequence
        if key in sent:
            received += 1
            waits.append((now - sent[key]) / 1e6)
            # The last shadow that had begun when the event was seen.
            last = bisect_right(begins, now) - 1
            if shadows and last >= 0 and shadows[last][1] >= sent[key]:
                continue
            calm.append(waits[-1])
    p50, p99, worst = percentiles(waits)
    lost = len(sent) - received
    stalled = None if shadows is None else len(waits) - len(calm)
    calm_p99 = None if shadows is None else percentiles(calm)[1]
    return Tally(
        len(sent), received, lost, duplicated, out_of_order, p50, p99, worst, stalled, calm_p99
    )


def percentiles(values: Iterable[float]) -> tuple[float, float, float]:
    """p50, p99 and the maximum, by the nearest rank; zeros of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0.0, 0.0, 0.0
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.99)]
    return round(at[0], 3), round(at[1], 3), round(ordered[-1], 3)
