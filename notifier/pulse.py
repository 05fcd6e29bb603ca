"""What a process looks at again and again, all of it in one wake.

A process that has slept finds its core's caches full of others' things: a timer that does nearly
nothing costs some 100 µs then, however little it does (measured on two cores, `idle_cpu_ms` of the
benchmark has it). So a process has one timer, not one for each thing that it looks after, and the
loop has none (`kernel_timer`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

import structlog

from notifier.figures import Histogram
from notifier.kernel_timer import KernelTimer

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
        # Who waits for a beat, and (loop time) which one must not be later.
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []
        self._timer: KernelTimer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = 0.0

    def each(self, work: Work) -> Callable[[], None]:
        """Call `work` with the loop's time at every beat, until what is returned is called.

        It must not wait. If it raises, that is logged and the rest goes on.
        """
        self._works.append(work)
        self._run()
        return partial(self._drop, work)

    async def wait(self, seconds: float) -> None:
        """Sleep for so long at most: until the last beat before that, or the next if none is."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((loop.time() + seconds, future))
        self._run()
        try:
            await future
        finally:
            self._waiting = [one for one in self._waiting if one[1] is not future]
            self._rest()

    def _run(self) -> None:
        if self._timer is not None:
            return
        self._timer, self._loop = KernelTimer(), asyncio.get_running_loop()
        self._loop.add_reader(self._timer, self._beat)
        # Processes that start together beat apart.
        self._await_beat(self.seconds * random.uniform(0.5, 1))

    def _rest(self) -> None:
        if self._works or self._waiting or self._timer is None or self._loop is None:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._timer)
        self._timer.close()
        self._timer = self._loop = None

    def _drop(self, work: Work) -> None:
        if work in self._works:
            self._works.remove(work)
        self._rest()

    def _await_beat(self, seconds: float) -> None:
        assert self._timer is not None and self._loop is not None
        self._due = self._loop.time() + seconds
        self._timer.ring_in(seconds)

    def _beat(self) -> None:
        assert self._loop is not None
        now = self._loop.time()
        self.lag.seen(max(0.0, now - self._due))
        self._await_beat(self.seconds)
        for due, future in self._waiting:
            if due < now + self.seconds and not future.done():
                future.set_result(None)
        for work in list(self._works):
            try:
                work(now)
            except Exception:
                # What one of them meets must not keep the others from their work.
                log.exception("pulse_work_failed")
