"""One visit to one door: connect, hold, deliver, storm, on one start of its server.

CPU figures are those of the server's processes and its Redis together; `redis_us` says how much
of it was Redis. The heartbeats of idle streams during `deliver` are in its figure, because a door
that sends them pays for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark import kernel, tally
from benchmark.crowd import Crowd
from benchmark.doors.door import Door, Open
from benchmark.load import Load
from benchmark.loop import Loop, no_garbage
from benchmark.programs import BenchError, Feed, last_words
from benchmark.progress import say
from benchmark.stalls import Stall, Witnesses, shadows

# The first streams load what is loaded late; they are not part of the growth that we divide.
WARM_UP_STREAMS = 50
# Nor are the first events, which find server, feed and client cold: those of twenty milliseconds
# were a third of the slowest hundredth.
WARM_UP_SECONDS = 0.5
# Ceilings, not durations: everything ends as soon as it is done.
CONNECT_CEILING_SECONDS = 180
LAST_EVENT_CEILING_SECONDS = 10
QUIET_CEILING_SECONDS = 15
# A server is quiet when half a second costs it less than this; idle streams' heartbeats are below.
QUIET_SECONDS = 0.5
QUIET_SHARE_MAX = 0.04

Figures = dict[str, Any]


def visit(door: Door, load: Load, wanted: set[str]) -> Figures:
    """The figures of each wanted measurement of a door on one process, by its name, and how many
    of its streams failed."""
    with door.open(load.streams, processes=1) as opened, no_garbage():
        return Visit(door, opened, load).walk(wanted)


class Visit:
    """The load client of one open server, and what it measures there."""

    def __init__(self, door: Door, opened: Open, load: Load) -> None:
        self.door, self.opened, self.load = door, opened, load
        self.loop = Loop()
        self.crowd = Crowd(self.loop, opened.address, opened.request, opened.cursors)

    def walk(self, wanted: set[str]) -> Figures:
        """Each wanted measurement, one after the other."""
        figures: Figures = {}
        self.warm_up()
        before = self.opened.server(), self.opened.redis()
        figures["connect"] = self.connect()
        if wanted & {"hold", "deliver"}:
            # Whether it is wanted or not: what of an event's cost are heartbeats depends on how
            # long ago the streams began, and what is compared must be alike in that.
            self._say("hold")
            figures["hold"] = self._hold(*before)
        if "deliver" in wanted:
            self._say("deliver")
            figures["deliver"] = self.deliver(self.load.seconds)
        if "storm" in wanted:
            self._say("storm")
            figures["storm"] = self._storm()
        failures = self.failures()
        self.crowd.drop()
        return {name: figures[name] for name in figures if name in wanted} | {"failures": failures}

    def failures(self) -> dict[str, int]:
        """How many streams have failed since this was last asked, by the reason."""
        failures = dict(self.crowd.failures)
        self.crowd.failures.clear()
        if failures:
            # On the terminal only: a log may name paths of this machine.
            self._say(f"{failures}; the server's log ends: {last_words(self.opened.box)}")
        return failures

    def _say(self, step: str) -> None:
        say(f"{self.door.title}, {len(self.crowd.streams):,} streams: {step}")

    @property
    def _feed(self) -> Feed:
        if self.opened.feed is None:
            raise BenchError(f"{self.door.title} has no feed")
        return self.opened.feed

    def warm_up(self) -> None:
        """Let the server load what it loads late."""
        self._say("warming up")
        count = min(WARM_UP_STREAMS, len(self.crowd.streams))
        first = Crowd(
            self.loop, self.opened.address, self.opened.request, self.opened.cursors[:count]
        )
        first.connect(10, CONNECT_CEILING_SECONDS)
        first.drop()
        self._wait_quiet()

    def _wait_quiet(self) -> None:
        """Until the server has done what was asked of it."""
        end = time.monotonic() + QUIET_CEILING_SECONDS
        while time.monotonic() < end:
            before = self.opened.cpu()
            self._pass(QUIET_SECONDS)
            if self.opened.cpu() - before <= QUIET_SECONDS * QUIET_SHARE_MAX:
                return

    def _pass(self, seconds: float) -> None:
        self.loop.run_until(lambda: False, seconds)

    def serve_until(self, done: Callable[[], bool]) -> None:
        """Read what comes, for however long it takes."""
        self.loop.run_until(done, math.inf)

    def connect(self) -> Figures:
        """Open every stream, and what each cost."""
        self._say("connect")
        before = self.opened.server(), self.opened.redis()
        seconds = self.crowd.connect(self.load.connects_at_once, CONNECT_CEILING_SECONDS)
        self._wait_quiet()
        return {
            **self._cost_each(*before, self.crowd.live),
            "connected": self.crowd.live,
            "seconds": round(seconds, 3),
        }

    def _cost_each(self, server: kernel.Usage, redis: kernel.Usage, count: int) -> Figures:
        """What each of `count` pieces of work took since the readings `server` and `redis`: CPU in
        microseconds, Redis' part of it, and wakes."""
        if not count:
            return {"cpu_us": None, "redis_us": None, "wakes": None}
        server, redis = self.opened.server() - server, self.opened.redis() - redis
        total = server + redis
        return {
            "cpu_us": round(total.cpu / count * 1e6, 1),
            "redis_us": round(redis.cpu / count * 1e6, 1),
            "wakes": round(total.wakes / count, 2),
        }

    def _hold(self, server: kernel.Usage, redis: kernel.Usage) -> Figures:
        live = self.crowd.live or 1
        server, redis = self.opened.server() - server, self.opened.redis() - redis
        before = self.opened.cpu()
        self._pass(self.load.idle_seconds)
        idle = (self.opened.cpu() - before) / self.load.idle_seconds
        return {
            "kib": round((server.pss + redis.pss) / live / 1024, 2),
            "uss_kib": round((server.uss + redis.uss) / live / 1024, 2),
            "redis_kib": round(redis.pss / live / 1024, 2),
            # Milliseconds of CPU a second for each thousand streams in which nothing happens.
            "idle_cpu_ms": round(idle * 1000 / live * 1000, 2),
        }

    def deliver(self, seconds: float) -> Figures:
        """What each event cost of those that the feed made for so long, and what became of them."""
        self.crowd.forget()
        witnesses = Witnesses(self.opened.box)
        with witnesses.watching():
            warming = self._feed.start(rate=self.load.rate, seconds=WARM_UP_SECONDS)
            self._run_feed()
            if faults := self._tally(warming).faults:
                self.crowd.failures["faults while warming up"] += faults
            self.crowd.forget()
            self.loop.reset_account()
            counters = self.opened.counters()
            before = self.opened.server(), self.opened.redis()
            log = self._feed.start(rate=self.load.rate, seconds=seconds)
            answer = self._run_feed()
        client = self.loop.account()
        stalls = witnesses.stalls()
        result = self._tally(log, None if stalls is None else shadows(stalls))
        return {
            **self._cost_each(*before, result.received),
            **result.as_dict(),
            **self._counted_since(counters),
            "feed_late_ms": answer["late_ms"],
            "rate": tally.rate(log),
            "client": client,
        }

    def _counted_since(self, before: dict[str, float]) -> Figures:
        return {name: value - before[name] for name, value in self.opened.counters().items()}

    def _run_feed(self) -> dict[str, float]:
        """Serve the streams until the feed is done and all that it sent was seen."""
        answers: list[dict[str, float]] = []

        def done() -> bool:
            if (answer := self._feed.poll()) is not None:
                answers.append(answer)
            return bool(answers)

        self.loop.run_until(done, self.load.seconds * 10 + CONNECT_CEILING_SECONDS)
        sent = answers[0]["sent"]
        self.loop.run_until(lambda: len(self.crowd.persons) >= sent, LAST_EVENT_CEILING_SECONDS)
        return answers[0]

    def _tally(self, log: Path, shadows: list[Stall] | None = None) -> tally.Tally:
        crowd = self.crowd
        sent = tally.read_sent(log)
        return tally.count(sent, crowd.persons, crowd.sequences, crowd.times_ns, shadows)

    def _storm(self) -> Figures:
        """All streams drop; some miss an event, if the door catches up; all come back at once."""
        self.crowd.drop()
        self._wait_quiet()
        self.crowd.forget()
        missed = 0
        if self.door.catches_up:
            log = self._feed.start(each=self.load.missed_each)
            answer = None
            while answer is None:
                self.loop.turn(0.01)
                answer = self._feed.poll()
            missed = int(answer["sent"])
        counters = self.opened.counters()
        before = self.opened.server(), self.opened.redis()
        self.loop.reset_account()
        began = time.monotonic()
        self.crowd.connect(self.load.storm_at_once, CONNECT_CEILING_SECONDS)
        self.loop.run_until(lambda: len(self.crowd.persons) >= missed, LAST_EVENT_CEILING_SECONDS)
        seconds = time.monotonic() - began
        # Here only the last stream's time counts, so a turn may be long.
        client = self.loop.account(turn_p99_most_ms=math.inf)
        self._wait_quiet()
        figures: Figures = {
            "seconds": round(seconds, 3),
            "connected": self.crowd.live,
            "client": client,
        }
        figures |= self._cost_each(*before, self.crowd.live)
        figures |= self._counted_since(counters)
        if self.door.catches_up:
            result = self._tally(log).as_dict()
            # Nobody was there when these were published: their waits mean nothing.
            figures |= {k: v for k, v in result.items() if not k.endswith("_ms")}
        return figures
