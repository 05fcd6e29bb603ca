"""What a process looks at again and again, all of it in one wake.

A process that has slept finds its core's caches full of others' things: a timer that does nearly
nothing costs some 100 µs then, however little it does (measured on two cores, `idle_cpu_ms` of the
benchmark has it). So a process has one timer, not one for each thing that it looks after.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

import structlog

from notifier.figures import Histogram

log = structlog.get_logger("notifier.pulse")

# How far apart two beats are.
PULSE_SECONDS = 1.0

Work = Callable[[float], None]


class Pulse:
    """One timer of an event loop; it runs while there is work for it."""

    def __init__(self, seconds: float = PULSE_SECONDS) -> None:
        self.seconds = seconds
        # How much later than asked this process gets to its work: what every event may wait.
        self.lag = Histogram()
        self._works: list[Work] = []
        self._timer: asyncio.TimerHandle | None = None

    def each(self, work: Work) -> Callable[[], None]:
        """Call `work` with the loop's time at every beat, until what is returned is called.

        It must not wait. If it raises, that is logged and the rest goes on.
        """
        self._works.append(work)
        if self._timer is None:
            # Processes that start together beat apart.
            self._await_beat(self.seconds * random.uniform(0.5, 1))
        return partial(self._drop, work)

    def _drop(self, work: Work) -> None:
        if work in self._works:
            self._works.remove(work)
        if not self._works and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _await_beat(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._beat, loop.time() + seconds)

    def _beat(self, asked_for: float) -> None:
        now = asyncio.get_running_loop().time()
        self.lag.seen(now - asked_for)
        self._await_beat(self.seconds)
        for work in list(self._works):
            try:
                work(now)
            except Exception:
                # What one of them meets must not keep the others from their work.
                log.exception("pulse_work_failed")
