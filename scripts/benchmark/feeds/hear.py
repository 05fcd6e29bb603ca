"""What it costs a process to hear an event, from Redis' bytes to the mailboxes of its streams; and
what it costs beside that to count it for /metrics once it is written; and what the hearing costs
where the process sleeps in between, as it does at 3,000 events a second, instead of going on. Of
several rounds of each the cheapest counts.

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
from notifier.events import Event, to_bus
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


def said(channel: bytes, recipient: int, sequence: int) -> bytes:
    """The message of one event, as Redis sends it to a subscriber."""
    event = Event(recipient, sequence, "benchmark", {"id": recipient}, 1_764_000_000.123)
    [data] = to_bus([event])
    parts = (b"message", channel, data)
    return b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class ChannelsOnly(MemoryBus):
    """A bus of which nothing is there but the channels that a listener looks into."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions = Subscriptions()

    def subscribe(self, audience: Audience) -> asyncio.Future[float] | None:
        return self.subscriptions.add(b"notifier:%d" % audience.recipient_id, audience)


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
    crowd = []
    for recipient in range(1, streams + 1):
        one = Subscriber(recipient, recipient, 0, lambda: None)
        hub.join(one)
        one.caught_up(0, complete=True)
        crowd.append(one)
    costs, counting = [], []
    for sequence in range(1, ROUNDS + 1):
        heard = [
            said(b"notifier:%d" % one.recipient_id, one.recipient_id, sequence) for one in crowd
        ]
        before = time.process_time()
        for data in heard:
            listener.data_received(data)
        costs.append((time.process_time() - before) / streams * 1e6)
        taken = [one.take() for one in crowd]
        if (found := sum(map(len, taken))) != streams:
            raise SystemExit(f"{found} of {streams} events were found in the mailboxes")
        before = time.process_time()
        for events in taken:
            hub.wrote(len(events), events[0])
        counting.append((time.process_time() - before) / streams * 1e6)
    return {
        "cpu_us": round(min(costs), 2),
        "in_a_row_us": _in_bursts(listener, crowd, 0),
        "woken_us": _in_bursts(listener, crowd, PAUSE_SECONDS),
        "metrics_us": round(min(counting), 3),
        "events": streams * ROUNDS,
    }


def _in_bursts(listener: RedisListener, crowd: list[Subscriber], pause_seconds: float) -> float:
    """CPU per event in microseconds, of bursts to whoever, with a pause before each."""
    rounds = [_round_of_bursts(listener, crowd, pause_seconds) for _ in range(WOKEN_ROUNDS)]
    return round(min(rounds), 2)


def _round_of_bursts(
    listener: RedisListener, crowd: list[Subscriber], pause_seconds: float
) -> float:
    some = random.sample(crowd, min(WOKEN_BURSTS * BURST, len(crowd)))
    heard = [
        said(b"notifier:%d" % one.recipient_id, one.recipient_id, (one.cursor or 0) + 1)
        for one in some
    ]
    spent = 0.0
    for start in range(0, len(heard), BURST):
        if pause_seconds:
            time.sleep(pause_seconds)
        before = time.process_time()
        for data in heard[start : start + BURST]:
            listener.data_received(data)
        spent += time.process_time() - before
    if any(not one.take() for one in some):
        raise SystemExit("an event was not found in its mailbox")
    return spent / len(heard) * 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(int(sys.argv[1])))) + "\n")
