"""How late events are written to their streams, measured of some of the writes.

When an event happened stands in its bytes. It is read later and for many at once: for each by
itself, a process that has just woken would need code that is in no cache, and do nothing with it
that anybody waits for.
"""

from __future__ import annotations

import re
from time import time

from notifier.figures import Histogram

# Of the writes between two sweeps (2 s) so many are measured, and beyond them one for so many
# events: a quiet process tells of every write, and a busy one pays little for it.
MEASURED_MOST = 20
MEASURED_EACH = 100
# Measured writes whose time is not read yet; their bytes are kept that long.
UNREAD_MOST = 100
# Where `Event.json` has its time.
_TIME = re.compile(rb'"timestamp":([0-9.e+-]{1,32}),"sequence":[0-9]{1,19}\}\n\n')
_TIME_MAX_BYTES = 128


class Lateness:
    """From an event's commit until it was written, as far as its stream was open then."""

    def __init__(self) -> None:
        self._histogram = Histogram()
        # What was written, and when (seconds since the epoch).
        self._unread: list[tuple[bytes, float]] = []
        self._measured = 0
        # How many events the process will have written before the next write is measured: whoever
        # writes looks itself, because nearly always nothing is to be done.
        self.next_at = 0

    def wrote(self, frame: bytes, events: int) -> None:
        """An event with these bytes was written just now, the last of `events` in all."""
        self._measured += 1
        if self._measured >= MEASURED_MOST:
            self.next_at = events + MEASURED_EACH
        self._unread.append((frame, time()))
        if len(self._unread) >= UNREAD_MOST:
            self._read()

    def seen(self, seconds: float) -> None:
        """An event was so late."""
        self._histogram.seen(seconds)

    def begin_anew(self) -> None:
        """Measure the next writes again; called now and then."""
        self._read()
        self._measured = self.next_at = 0

    @property
    def histogram(self) -> Histogram:
        """All that was measured so far, in seconds."""
        self._read()
        return self._histogram

    def _read(self) -> None:
        unread, self._unread = self._unread, []
        for frame, written_at in unread:
            at = happened_at(frame)
            if at is not None:
                self._histogram.seen(written_at - at)


def happened_at(frame: bytes) -> float | None:
    """When the event with these bytes happened, in seconds since the epoch; None if it is no event
    or only looks like one of ours."""
    found = _TIME.search(frame, max(0, len(frame) - _TIME_MAX_BYTES))
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
