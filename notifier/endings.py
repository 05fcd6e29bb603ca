"""The log's line for a stream that is over, without a flood when thousands end at once.

With 15,000 streams that live ten minutes some 25 end in a second, for as long as the process runs;
when it drains, all of them in five. So a few in a second get a line of their own, and the rest of
them share one that sums them up: nothing is missing from the log but the detail.
"""

from __future__ import annotations

from collections import Counter

import structlog

from notifier.states import Ending
from notifier.subscriber import Subscriber

log = structlog.get_logger("notifier.streams")

# Lines of single streams in a period (the engine's sweep, two seconds).
LINES_MOST = 10


class Endings:
    """Counts the streams that ended, by cause, and writes of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lines = 0
        self._others: Counter[str] = Counter()
        self._delivered = 0
        self._oldest = 0.0

    def ended(self, subscriber: Subscriber, now: float) -> None:
        """A stream is over; `now` in seconds since the epoch."""
        cause = (subscriber.ending or Ending.LEFT).value
        self.counts[cause] += 1
        age = max(0.0, now - subscriber.began_at)
        if self._lines < LINES_MOST:
            self._lines += 1
            log.info(
                "stream_ended",
                cause=cause,
                recipient_id=subscriber.recipient_id,
                age_seconds=round(age, 1),
                delivered=subscriber.delivered,
                catch_ups=subscriber.catch_ups,
            )
            return
        self._others[cause] += 1
        self._delivered += subscriber.delivered
        self._oldest = max(self._oldest, age)

    def sum_up(self) -> None:
        """A period is over: one line for all that had none."""
        self._lines = 0
        if not self._others:
            return
        others, self._others = self._others, Counter()
        log.info(
            "streams_ended",
            streams=others.total(),
            causes=dict(others),
            delivered=self._delivered,
            oldest_seconds=round(self._oldest, 1),
        )
        self._delivered, self._oldest = 0, 0.0
