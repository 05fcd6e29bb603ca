"""What it costs a gateway to hear an event, from Redis' bytes until it is given to the sockets of
its streams; how much of that is to count it for /metrics; and what the hearing costs where the
process sleeps in between, as it does at 3,000 events a second, instead of going on. Of several
rounds of each the cheapest counts.

    python -m benchmark.feeds.hear STREAMS

Run by the app's own Python. The app's own listener, subscriptions and hub, and the bytes that Redis
would have sent, one event at a time, as they come at a few thousand a second; no socket, so that
nothing else is in the figure. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from notifier.audience import Audience
from notifier.bus import MemoryBus
from notifier.bus_messages import to_bus
from notifier.events import Event
from notifier.hub import Hub
from notifier.redis_listener import RedisListener
from notifier.redis_subscriptions import Subscriptions
from notifier.subscriber import Subscriber

# The first rounds load what is loaded late; of the others the best counts, since whatever else the
# machine does can only add to it.
ROUNDS = 12
# As the feeds make them (`pace`): a burst of six, and two milliseconds until the next one.
BURST = 6
PAUSE_SECONDS = 0.002
# Bursts that are heard after a sleep: a second of sleep. Of so many such seconds the best counts.
WOKEN_BURSTS = 500
WOKEN_ROUNDS = 5


def channel_of(recipient: int) -> bytes:
    return b"notifier:%d" % recipient


def said(recipient: int, sequence: int) -> bytes:
    """The message of one event, as Redis sends it to a subscriber."""
    event = Event(recipient, sequence, "benchmark", {"id": recipient}, 1_764_000_000.123)
    [data] = to_bus([event])
    parts = (b"message", channel_of(recipient), data)
    return b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Kept:
    """A socket that takes everything and sends nothing."""

    __slots__ = ("frames",)

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.frames.append(data)

    def take(self) -> list[bytes]:
        """What was written since the last call."""
        frames, self.frames = self.frames, []
        return frames


class ChannelsOnly(MemoryBus):
    """A bus of which nothing is there but the channels that a listener looks into."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions = Subscriptions()

    def subscribe(self, audience: Audience) -> asyncio.Future[float] | None:
        return self.subscriptions.add(channel_of(audience.recipient_id), audience)


async def measure(streams: int) -> dict[str, float]:
    bus = ChannelsOnly()
    hub = Hub(bus, streams_per_person=64)
    subscriptions = bus.subscriptions
    listener = RedisListener(
        subscriptions.channels,
        hub.received,
        lambda channel: None,
        subscriptions.confirmed,
        lambda what: None,
        lambda reason: None,
    )
    crowd: dict[int, Kept] = {}
    for recipient in range(1, streams + 1):
        crowd[recipient] = kept = Kept()
        one = Subscriber(recipient, recipient, 0, lambda: None, kept)
        hub.join(one)
        one.caught_up(0, complete=True)
    costs, counting = [], []
    for sequence in range(1, ROUNDS + 1):
        heard = [said(recipient, sequence) for recipient in crowd]
        before = time.process_time()
        for data in heard:
            listener.data_received(data)
        costs.append((time.process_time() - before) / streams * 1e6)
        taken = [kept.take() for kept in crowd.values()]
        if (found := sum(map(len, taken))) != streams:
            raise SystemExit(f"{found} of {streams} events were written")
        before = time.process_time()
        for events in taken:
            hub.wrote(len(events), events[0])
        counting.append((time.process_time() - before) / streams * 1e6)
    rounds = Rounds(listener, crowd, ROUNDS)
    return {
        "cpu_us": round(min(costs), 2),
        "in_a_row_us": rounds.cheapest(0),
        "woken_us": rounds.cheapest(PAUSE_SECONDS),
        "metrics_us": round(min(counting), 3),
        "events": streams * ROUNDS,
    }


class Rounds:
    """Bursts to whoever of `crowd`, who all were told the event `sequence`."""

    def __init__(self, listener: RedisListener, crowd: dict[int, Kept], sequence: int) -> None:
        self._listener = listener
        self._crowd = crowd
        self._told = dict.fromkeys(crowd, sequence)

    def cheapest(self, pause_seconds: float) -> float:
        """CPU per event in microseconds, of several rounds, with a pause before each burst."""
        return round(min(self._round(pause_seconds) for _ in range(WOKEN_ROUNDS)), 2)

    def _round(self, pause_seconds: float) -> float:
        some = random.sample(list(self._crowd), min(WOKEN_BURSTS * BURST, len(self._crowd)))
        for recipient in some:
            self._told[recipient] += 1
        heard = [said(recipient, self._told[recipient]) for recipient in some]
        spent = 0.0
        for start in range(0, len(heard), BURST):
            if pause_seconds:
                time.sleep(pause_seconds)
            before = time.process_time()
            for data in heard[start : start + BURST]:
                self._listener.data_received(data)
            spent += time.process_time() - before
        if any(len(self._crowd[recipient].take()) != 1 for recipient in some):
            raise SystemExit("an event was not written")
        return spent / len(heard) * 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(int(sys.argv[1])))) + "\n")
