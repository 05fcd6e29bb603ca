"""What every bus must do: one specification, held against each of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from notifier import redis_subscriptions
from notifier.audience import Audience
from notifier.bus import Bus, MemoryBus
from notifier.bus_messages import from_bus, to_bus
from notifier.events import Ended, Event, Happened, Signal
from notifier.redis_bus import RedisBus
from tests.patience import until
from tests.processes import RedisServer

# More than any bus queues.
QUEUED_MOST = 10_500


@dataclass
class Ear:
    """A receiver that notes what it hears."""

    heard: list[tuple[int, bytes]] = field(default_factory=list)
    gaps: int = 0

    def received(self, audience: Audience, message: bytes) -> None:
        self.heard.append((audience.recipient_id, message))

    def gap(self) -> None:
        self.gaps += 1

    async def hears(self, *messages: tuple[int, bytes], within: float = 10) -> None:
        """Exactly `messages`, in that order, now or soon."""
        await until(lambda: len(self.heard) >= len(messages), f"{messages[-1:]} is heard", within)
        assert self.heard == list(messages)

    async def hears_of_each(self, *messages: tuple[int, bytes]) -> None:
        """Exactly `messages`, in any order: no bus promises one between recipients."""
        await until(lambda: len(self.heard) >= len(messages), f"{messages[-1:]} is heard")
        assert sorted(self.heard) == sorted(messages)


@dataclass
class Wire:
    """A bus as two processes see it: one speaks, the other listens."""

    speaker: Bus
    listener: Bus
    ear: Ear

    async def subscribed(self, *recipients: int) -> None:
        await subscribed(self.listener, *recipients)


async def subscribed(bus: Bus, *recipients: int) -> None:
    """Every recipient is subscribed to, and the bus has confirmed it."""
    confirmations = [bus.subscribe(Audience(recipient)) for recipient in recipients]
    async with asyncio.timeout(10):
        await asyncio.gather(*(future for future in confirmations if future is not None))


@pytest.fixture(params=["memory", "redis", "sentinels", "cluster"])
def bus_url(request: pytest.FixtureRequest) -> str:
    """Each kind of bus in turn; memory has no address."""
    if request.param == "memory":
        return ""
    url = request.getfixturevalue(request.param).url
    assert isinstance(url, str)
    return url


@pytest.fixture
async def wire(bus_url: str) -> AsyncIterator[Wire]:
    ear = Ear()
    if not bus_url:
        bus = MemoryBus()
        await bus.start(ear)
        yield Wire(bus, bus, ear)
        await bus.stop()
        return
    prefix = secrets.token_hex(4)
    speaker, listener = RedisBus(bus_url, prefix), RedisBus(bus_url, prefix)
    await speaker.start(Ear())
    await listener.start(ear)
    yield Wire(speaker, listener, ear)
    await speaker.stop()
    await listener.stop()


async def test_once_a_subscription_is_confirmed_everything_is_heard(wire: Wire) -> None:
    await wire.subscribed(1)
    wire.speaker.publish(1, b"at once")
    await wire.ear.hears((1, b"at once"))
    assert wire.listener.trouble == "" == wire.speaker.trouble


async def test_once_it_has_settled_every_subscription_so_far_is_confirmed(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody else sends them meanwhile.
    monkeypatch.setattr(redis_subscriptions, "GATHER_SECONDS", 60.0)
    for round_of in range(1, 40, 10):
        recipients = range(round_of, round_of + 10)
        confirmations = [wire.listener.subscribe(Audience(recipient)) for recipient in recipients]
        async with asyncio.timeout(10):
            await wire.listener.settle(10)
        assert all(future is None or future.done() for future in confirmations)
        # Also with nothing to wait for.
        await wire.listener.settle(10)
    wire.speaker.publish(31, b"heard")
    await wire.ear.hears((31, b"heard"))


async def test_nobody_hears_what_is_for_another(wire: Wire) -> None:
    await wire.subscribed(1, 3)
    for recipient in (2, 1, 12, 3, -1):
        wire.speaker.publish(recipient, b"%d" % recipient)
    await wire.ear.hears_of_each((1, b"1"), (3, b"3"))


async def test_messages_of_a_recipient_keep_their_order(wire: Wire) -> None:
    await wire.subscribed(1)
    sent = [(1, b"%d" % number) for number in range(2_000)]
    for message in sent:
        wire.speaker.publish(*message)
        if message[1].endswith(b"00"):
            await asyncio.sleep(0)
    await wire.ear.hears(*sent)


async def test_a_message_is_carried_as_it_is(wire: Wire) -> None:
    await wire.subscribed(1)
    sent = [(1, message) for message in (b"", b"\0\xff\r\n", b"*1\r\n$4\r\nPING\r\n", b"last")]
    for message in sent:
        wire.speaker.publish(*message)
    await wire.ear.hears(*sent)


async def test_signals_are_carried_among_events_in_their_order(wire: Wire) -> None:
    await wire.subscribed(1)
    sent: list[Happened] = [
        Signal.make(1, "typing", {"from": "harry"}, 1.5),
        Event(1, 1, "message", {}, 1.5),
        Signal.make(1, "seen", {"by": "harry", "up_to": 3}, 1.5),
    ]
    for one in sent:
        wire.speaker.publish(1, to_bus([one])[0])
    wire.speaker.publish(2, to_bus([Signal.make(2, "typing", {}, 1.5)])[0])
    wire.speaker.publish(1, to_bus(sent)[0])
    await until(lambda: len(wire.ear.heard) >= 4, "all is heard")
    heard = [one for recipient, data in wire.ear.heard for one in from_bus(recipient, data)]
    frames = [one.frame for one in heard if not isinstance(one, Ended)]
    assert frames == 2 * [one.frame for one in sent if not isinstance(one, Ended)]


async def test_a_huge_message_harms_nobody(wire: Wire) -> None:
    await wire.subscribed(1)
    huge = b"x" * 10_000_000
    wire.speaker.publish(1, huge)
    wire.speaker.publish(1, b"after")
    await until(lambda: (1, b"after") in wire.ear.heard, "what comes after it is heard")
    assert wire.ear.heard in ([(1, huge), (1, b"after")], [(1, b"after")])


async def test_who_unsubscribed_hears_no_more(wire: Wire) -> None:
    await wire.subscribed(1, 2)
    wire.speaker.publish(1, b"before")
    await wire.ear.hears((1, b"before"))
    wire.listener.unsubscribe(1)
    # Confirmed on the same connection, so the end of the other has been heard by then.
    await wire.subscribed(3)
    wire.speaker.publish(1, b"after")
    wire.speaker.publish(2, b"to another")
    await wire.ear.hears((1, b"before"), (2, b"to another"))


async def test_who_left_and_came_back_within_a_moment_hears(wire: Wire) -> None:
    await wire.subscribed(1)
    wire.listener.unsubscribe(1)
    await wire.subscribed(1)
    wire.speaker.publish(1, b"again")
    await wire.ear.hears((1, b"again"))


async def test_who_came_and_left_within_a_moment_does_not_hear(wire: Wire) -> None:
    wire.listener.subscribe(Audience(1))
    wire.listener.unsubscribe(1)
    wire.listener.unsubscribe(1)
    await wire.subscribed(2)
    wire.speaker.publish(1, b"nobody")
    wire.speaker.publish(2, b"somebody")
    await wire.ear.hears((2, b"somebody"))


async def test_a_second_subscription_holds_already_and_doubles_nothing(wire: Wire) -> None:
    await wire.subscribed(1)
    assert wire.listener.subscribe(Audience(1)) is None
    wire.speaker.publish(1, b"once")
    wire.speaker.publish(1, b"twice")
    await wire.ear.hears((1, b"once"), (1, b"twice"))


async def test_two_who_subscribe_at_once_wait_for_one_confirmation(wire: Wire) -> None:
    assert wire.listener.subscribe(Audience(1)) is wire.listener.subscribe(Audience(1))
    await wire.subscribed(1)
    wire.speaker.publish(1, b"once")
    wire.speaker.publish(1, b"last")
    await wire.ear.hears((1, b"once"), (1, b"last"))


async def test_publishing_never_waits_and_never_raises(wire: Wire) -> None:
    """More than any queue holds, in one turn of the loop."""
    for _ in range(QUEUED_MOST):
        wire.speaker.publish(4, b"to nobody")
    await wire.subscribed(1)
    wire.speaker.publish(1, b"still there")
    await wire.ear.hears((1, b"still there"))
    await until(lambda: wire.speaker.counts()["published"] >= 10_000, "the queue empties")


async def test_stopping_sends_what_is_queued(wire: Wire) -> None:
    await wire.subscribed(1)
    sent = [(1, b"%d" % number) for number in range(1_000)]
    for message in sent:
        wire.speaker.publish(*message)
    await wire.speaker.stop()
    await wire.ear.hears(*sent)


async def test_nothing_is_left_behind_of_who_came_and_left(redis: RedisServer) -> None:
    bus = RedisBus(redis.url, prefix := secrets.token_hex(4))
    await bus.start(Ear())
    await subscribed(bus, 1, 2)
    bus.unsubscribe(1)
    bus.subscribe(Audience(3))
    bus.unsubscribe(3)
    await subscribed(bus, 4)
    async with Redis(host="127.0.0.1", port=redis.port) as client:
        channels = await client.pubsub_channels(f"{prefix}:[0-9]*")
    await bus.stop()
    assert sorted(channels) == [f"{prefix}:2".encode(), f"{prefix}:4".encode()]
