"""How much load a run makes."""

from __future__ import annotations

import resource
from dataclasses import dataclass, replace

from benchmark.programs import BenchError

MEASUREMENTS = ("hold", "connect", "deliver", "storm", "growth", "begin", "hear", "send")
# Beside the streams the client has a few other files open.
OTHER_FILES = 100


@dataclass(frozen=True)
class Load:
    """The numbers of one run; the defaults are those of the budgets (DESIGN, section 7)."""

    streams: int = 15_000
    # Events a second, evenly over all streams, and for how many seconds.
    rate: float = 3_000
    seconds: float = 15
    # How often every server is visited, each in its turn; see `rounds` for what becomes of it.
    rounds: int = 3
    # Streams that are being opened at any time while the cost of a connect is measured: a tenth
    # of a second's share of the thousands who return when a process was restarted.
    connects_at_once: int = 500
    # The same in the storm; below the backlog of every server here, so that none is refused.
    storm_at_once: int = 1_000
    # Every so many-th person missed an event while all streams were away.
    missed_each: int = 10
    # Seconds of silence to measure what idle streams cost.
    idle_seconds: float = 5
    growth_streams: tuple[int, ...] = (1_000, 5_000, 15_000)
    growth_processes: tuple[int, ...] = (1, 2, 4)
    # How often each of the servers that grow has its turn, and for how many seconds of events. By
    # 15 turns of 4 s a factor of 1.4 is known to 0.06 (standard error, by resampling), and a turn
    # tells no less by half the seconds. With three servers no stream is silent for the 18 s after
    # which the first heartbeats are due, so whoever waits for its turn leaves the others alone.
    turns: int = 36
    turn_seconds: float = 2
    # Concurrent senders, and how many messages they send together by each way.
    senders: int = 16
    messages: int = 2_000
    # Streams that are open while messages are sent; the recipients take turns.
    recipients: int = 200
    # Whether cores with nothing to do are kept from halting (see `awake`).
    awake: bool = True
    # Whether the load keeps to cores of its own (see `cores`).
    apart: bool = True

    def quick(self) -> Load:
        """Small enough for a test: the ways are walked, the figures mean little."""
        return replace(
            self,
            streams=200,
            rate=500,
            seconds=2,
            rounds=1,
            connects_at_once=16,
            storm_at_once=50,
            idle_seconds=0.5,
            growth_streams=(100, 200),
            growth_processes=(1, 2),
            turns=2,
            turn_seconds=1,
            messages=100,
            recipients=20,
        )

    def check(self) -> None:
        """Refuse what this process cannot hold; raise the limit of open files as far as it goes."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = hard if hard != resource.RLIM_INFINITY else 1_000_000
        if max(self.streams, *self.growth_streams) > most - OTHER_FILES:
            raise BenchError(
                f"{self.streams} streams need more open files than the {most} that a process may"
                " have here: raise it (ulimit -Hn) or ask for fewer (--streams)"
            )
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
