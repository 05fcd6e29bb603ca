"""The hub: who hears what, and which subscriptions it stands for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from notifier import hub as hub_module
from notifier.audience import Audience
from notifier.bus import MemoryBus
from notifier.bus_messages import to_bus
from notifier.engine import SWEEP_SECONDS
from notifier.events import (
    SEQUENCE_MAX,
    SIGNAL_MAX_BYTES,
    Ended,
    Event,
    Happened,
    Signal,
)
from notifier.hub import Hub
from notifier.lateness import MEASURED_EACH, MEASURED_MOST, UNREAD_MOST
from notifier.states import Ending, State
from notifier.subscriber import Subscriber

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


class NotedBus:
    """A bus that only notes which recipients it would hear."""

    trouble = ""
    canary_age_seconds = 0.0

    def __init__(self) -> None:
        self.heard: dict[int, Audience] = {}
        self.confirmation: asyncio.Future[float] | None = None

    async def start(self, receiver: object) -> None: ...

    async def stop(self) -> None: ...

    def publish(self, recipient_id: int, message: bytes) -> None: ...

    def subscribe(self, audience: Audience) -> asyncio.Future[float] | None:
        self.heard[audience.recipient_id] = audience
        return self.confirmation

    async def settle(self, seconds: float) -> None: ...

    def unsubscribe(self, recipient_id: int) -> None:
        del self.heard[recipient_id]

    def counts(self) -> dict[str, int]:
        return {}


@pytest.fixture
def bus() -> NotedBus:
    return NotedBus()


@pytest.fixture
def hub(bus: NotedBus) -> Hub:
    return Hub(bus, streams_per_person=2)


def joined(hub: Hub, recipient_id: int, sign_in_id: int = 1, cursor: int = 0) -> Subscriber:
    """A stream that has caught up."""
    subscriber = Subscriber(recipient_id, sign_in_id, cursor, lambda: None)
    hub.join(subscriber)
    subscriber.begin_catch_up()
    assert subscriber.caught_up(cursor, complete=True)
    return subscriber


def brings(hub: Hub, *messages: tuple[int, bytes]) -> None:
    """The bus brings these, each for the recipient with that number."""
    bus = hub._bus
    assert isinstance(bus, NotedBus)
    for one, data in messages:
        hub.received(bus.heard.get(one) or Audience(one), data)


def message(*happened: Happened) -> bytes:
    (only,) = to_bus(happened)
    return only


def event(recipient_id: int, sequence: int) -> Event:
    return Event(recipient_id, sequence, "message", {}, 1.0)


def taken(subscriber: Subscriber) -> list[bytes]:
    return subscriber.take()


def test_an_event_reaches_every_stream_of_its_recipient_and_nobody_else(hub: Hub) -> None:
    harry, other_harry, gitau = joined(hub, 1), joined(hub, 1), joined(hub, 2)
    brings(hub, (1, message(event(1, 1))))
    assert taken(harry) == taken(other_harry) == [event(1, 1).frame]
    assert taken(gitau) == []


def test_a_person_has_room_for_so_many_streams(hub: Hub) -> None:
    first = joined(hub, 1)
    joined(hub, 1)
    assert not hub.has_room(1)
    assert hub.has_room(2)
    hub.leave(first)
    assert hub.has_room(1)


async def test_leaving_gives_everything_back_once(hub: Hub) -> None:
    first, second = joined(hub, 1), joined(hub, 1)
    assert (hub.streams, hub.recipients) == (2, 1)
    hub.leave(first)
    hub.leave(first)
    assert (hub.streams, hub.recipients, list(hub)) == (1, 1, [second])
    hub.leave(second)
    assert (hub.streams, hub.recipients, list(hub)) == (0, 0, [])


async def test_who_has_left_is_known_with_what_they_were_told(hub: Hub) -> None:
    first, second = joined(hub, 1), joined(hub, 1, cursor=7)
    hub.leave(first)
    assert hub.left == {}, "another page of theirs is open"
    hub.leave(second)
    assert hub.left == {1: 7}
    joined(hub, 1)
    assert hub.left == {}


async def test_join_hands_on_what_the_bus_confirms_with(hub: Hub, bus: NotedBus) -> None:
    bus.confirmation = asyncio.get_running_loop().create_future()
    assert hub.join(Subscriber(1, 1, 0, lambda: None)) is bus.confirmation


async def test_a_subscription_outlives_the_last_stream_for_a_while(
    hub: Hub, bus: NotedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.leave(joined(hub, 1))
    hub.drop_idle_subscriptions()
    assert set(bus.heard) == {1}, "most come back at once"
    monkeypatch.setattr(hub_module, "LINGER_SECONDS", 0)
    hub.leave(joined(hub, 2))
    hub.leave(joined(hub, 1))
    joined(hub, 2)
    hub.drop_idle_subscriptions()
    assert set(bus.heard) == {2}, "who came back is heard on"
    assert hub.recipients == 1
    hub.drop_idle_subscriptions()
    assert set(bus.heard) == {2}


async def test_who_comes_back_is_heard_by_the_subscription_that_was_left(
    hub: Hub, bus: NotedBus
) -> None:
    hub.leave(joined(hub, 1))
    subscribed = bus.heard[1]
    hub.received(subscribed, message(event(1, 1)))
    assert hub.counts == {"nobody": 1}
    back = joined(hub, 1)
    hub.received(subscribed, message(event(1, 1)))
    assert taken(back) == [event(1, 1).frame]
    assert hub.counts == {"nobody": 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"hello",
        b"\xff",
        b"id: -1\nevent: message\ndata: {}\n\n",
        b"x" * 10_000_000,
        b"id: %d\nevent: message\ndata: {}\n\n" % (SEQUENCE_MAX + 1),
        b"event: typing\n\n",
        b'event: ping\ndata: {"name":"ping","data":{},"timestamp":1}\n\n',
        b'event: typing\ndata: {"name":"typing","data":"%s","timestamp":1}\n\n'
        % (b"x" * SIGNAL_MAX_BYTES),
    ],
)
def test_garbage_is_dropped_and_counted(hub: Hub, garbage: bytes) -> None:
    subscriber, _ = joined(hub, 1), joined(hub, 1)
    brings(hub, (1, garbage))
    assert hub.counts["garbage"] == 1, "once, for however many streams"
    assert subscriber.state is State.LIVE
    brings(hub, (1, message(event(1, 1))))
    assert taken(subscriber) == [event(1, 1).frame]


def test_what_is_not_taken_is_counted_by_its_cause(hub: Hub) -> None:
    subscriber = joined(hub, 1)
    brings(hub, (2, message(event(2, 1))))
    brings(hub, (1, message(event(1, 1), event(1, 1), event(1, 5), event(1, 6))))
    subscriber.close(Ending.LEFT)
    brings(hub, (1, message(event(1, 7))))
    assert hub.counts == {"nobody": 1, "repeated": 1, "gap": 1, "heard": 1, "closed": 1}


def test_a_signal_reaches_who_is_live_and_no_other_recipient(hub: Hub) -> None:
    live, behind, another = joined(hub, 1), joined(hub, 1), joined(hub, 2)
    behind.fall_behind()
    signal = Signal.make(1, "typing", {"from": "harry"}, 1.0)
    brings(hub, (1, message(event(1, 1), signal)))
    assert taken(live) == [event(1, 1).frame, signal.frame]
    assert taken(another) == []
    assert hub.counts == {"heard": 1, "signals": 1, "missed": 1}


def test_the_end_of_a_sign_in_ends_its_streams_only(hub: Hub) -> None:
    ended, kept, elsewhere = joined(hub, 1, 10), joined(hub, 1, 11), joined(hub, 2, 10)
    unknown = joined(hub, 1, 0)
    brings(hub, (1, message(event(1, 1), Ended(1, (10, 12)))))
    assert (ended.state, ended.ending) == (State.CLOSED, Ending.SIGNED_OUT)
    assert taken(kept) == [event(1, 1).frame]
    assert kept.state is elsewhere.state is State.LIVE
    assert unknown.state is State.CLOSED, "still looking up its sign-in, it may be meant"


def test_a_gap_makes_everybody_behind(hub: Hub) -> None:
    streams = [joined(hub, 1), joined(hub, 1), joined(hub, 2)]
    hub.gap()
    assert {stream.state for stream in streams} == {State.BEHIND}
    assert hub.behind == 3


def test_reconcile_finds_who_is_short_and_whose_sign_in_is_over(hub: Hub) -> None:
    short, complete, over, late = (
        joined(hub, 1, 10, 4),
        joined(hub, 2, 20, 5),
        joined(hub, 1, 11, 5),
        joined(hub, 3, 30, 7),
    )
    assert hub.compare({10: 5, 20: 5}, [short, complete, over]) == [(short, 5)]
    assert short.state is State.LIVE, "what it is short of may be on its way"
    assert complete.state is State.LIVE
    assert (over.state, over.ending) == (State.CLOSED, Ending.SIGNED_OUT)
    assert late.state is State.LIVE, "who joined after the question is not judged by its answer"


def test_lateness_is_measured_of_every_write_until_there_are_many() -> None:
    hub = Hub(MemoryBus(), streams_per_person=1)

    def happened(seconds_ago: float) -> bytes:
        return Event(1, 1, "note", None, time.time() - seconds_ago).frame

    for _ in range(MEASURED_MOST):
        hub.wrote(1, happened(0.2))
    assert sum(hub.lateness.histogram.counts) == MEASURED_MOST
    assert 0.2 * MEASURED_MOST <= hub.lateness.histogram.total < MEASURED_MOST
    for _ in range(10 * MEASURED_EACH):
        hub.wrote(1, happened(0))
    assert sum(hub.lateness.histogram.counts) == MEASURED_MOST + 10
    assert hub.delivered == MEASURED_MOST + 10 * MEASURED_EACH


def test_the_operators_are_told_how_many_writes_are_measured() -> None:
    said = OPERATING.read_text()
    each_second = MEASURED_MOST / SWEEP_SECONDS
    assert f"beyond {each_second:g} a second one for every {MEASURED_EACH} events" in said


def test_what_only_looks_like_an_event_is_no_measure() -> None:
    hub = Hub(MemoryBus(), streams_per_person=1)
    hub.wrote(1, b"id: 1\nevent: message\ndata: {}\n\n")
    assert (hub.delivered, sum(hub.lateness.histogram.counts)) == (1, 0)


@dataclass
class Sink:
    """A socket that takes bytes at any moment: they are given to `write`."""

    write: Callable[[bytes], None]


def written_to(hub: Hub, recipient_id: int, write: Callable[[bytes], None]) -> Subscriber:
    """A stream that has caught up, of a door that writes at once."""
    subscriber = Subscriber(recipient_id, 1, 0, lambda: None, Sink(write))
    hub.join(subscriber)
    subscriber.begin_catch_up()
    assert subscriber.caught_up(0, complete=True)
    return subscriber


def test_what_a_door_writes_at_once_is_counted_and_measured(hub: Hub) -> None:
    harry: list[bytes] = []
    gitau: list[bytes] = []
    spoke = written_to(hub, 1, harry.append), written_to(hub, 2, gitau.append)
    hub.now = 7.0
    brings(hub, (1, message(event(1, 1))), (3, b"nobody's"), (2, message(event(2, 1))))
    assert (harry, gitau) == ([event(1, 1).frame], [event(2, 1).frame])
    assert (hub.delivered, sum(hub.lateness.histogram.counts)) == (2, 2)
    assert [one.spoke_at for one in spoke] == [7.0, 7.0]


def test_events_in_a_row_are_written_in_one_go_and_each_is_counted(hub: Hub) -> None:
    harry: list[bytes] = []
    stream = written_to(hub, 1, harry.append)
    row = [event(1, number) for number in (1, 2, 3)]
    brings(hub, (1, message(*row)), (1, message(event(1, 4))))
    assert harry == [b"".join(one.frame for one in row), event(1, 4).frame]
    assert (stream.cursor, stream.delivered, hub.delivered) == (4, 4, 4)


def test_each_stream_of_a_person_is_given_an_event_in_its_own_way(hub: Hub) -> None:
    written: list[bytes] = []
    live, behind = written_to(hub, 1, written.append), written_to(hub, 1, written.append)
    waiting = joined(hub, 1)
    behind.fall_behind()
    brings(hub, (1, message(event(1, 1))))
    assert (written, taken(waiting)) == ([event(1, 1).frame], [event(1, 1).frame])
    assert [one.cursor for one in (live, behind, waiting)] == [1, 0, 1]
    brings(hub, (1, message(event(1, 1))))
    assert hub.counts == {"heard": 2, "repeated": 2}


@pytest.mark.parametrize("number", [b"x", b""])
@pytest.mark.parametrize("more", [[], [Signal.make(1, "typing", {}, 1.0)]])
def test_a_stream_that_was_told_an_impossible_number_begins_anew(
    hub: Hub, number: bytes, more: list[Signal]
) -> None:
    """Only who can write to our Redis, in our own form and at the right moment, gets so far."""
    stream = written_to(hub, 1, lambda data: None)
    brings(hub, (1, b"0\0%b\0: anything\n\n\0" % number))
    brings(hub, (1, message(event(1, 1), *more)))
    assert stream.state is State.BEHIND
    assert stream.begin_catch_up() == -1, "which no log has, so it is reset"


def test_events_and_a_signal_of_one_message_are_written_in_order_in_one_go(hub: Hub) -> None:
    harry: list[bytes] = []
    written_to(hub, 1, harry.append)
    signal = Signal.make(1, "typing", {"from": "harry"}, 1.0)
    brings(hub, (1, message(event(1, 1), event(1, 2), signal, event(1, 3))))
    frames = [event(1, 1).frame, event(1, 2).frame, signal.frame, event(1, 3).frame]
    assert harry == [b"".join(frames)]
    assert (hub.delivered, hub.counts) == (4, {"signals": 1})


def test_a_stream_that_cannot_be_written_to_ends_and_no_other_is_concerned(
    hub: Hub,
) -> None:
    sound: list[bytes] = []
    tried: list[bytes] = []

    def fail(frame: bytes) -> None:
        tried.append(frame)
        raise RuntimeError("a fault of ours")

    broken = [written_to(hub, 1, fail), written_to(hub, 2, fail)]
    written_to(hub, 1, sound.append)
    signal = Signal.make(1, "typing", {"from": "harry"}, 1.0)
    two = [(2, message(event(2, number))) for number in (1, 2)]
    brings(hub, (1, message(event(1, 1))), *two)
    brings(hub, (1, message(event(1, 2), signal)))
    assert sound == [event(1, 1).frame, event(1, 2).frame + signal.frame]
    assert tried == [event(1, 1).frame, event(2, 1).frame], "nothing comes after a hole"
    assert [(one.ending, one.cursor) for one in broken] == [(Ending.FAILED, None)] * 2
    assert hub.counts["closed"] == 2, "what came for each of them afterwards"


def test_a_door_that_writes_at_once_may_fall_behind_while_it_writes(hub: Hub) -> None:
    """Its socket is full after the first: the rest is in the table."""
    written: list[bytes] = []

    def write(frame: bytes) -> None:
        written.append(frame)
        slow.fall_behind()

    slow = written_to(hub, 1, write)
    brings(hub, (1, message(event(1, 1))), (1, message(event(1, 2))))
    brings(hub, (1, message(event(1, 3))))
    assert written == [event(1, 1).frame]
    assert (slow.state, slow.cursor) == (State.BEHIND, 1)
    assert hub.counts == {"heard": 2}


async def test_a_stream_that_leaves_while_it_is_written_to_takes_nothing_from_the_others(
    hub: Hub,
) -> None:
    written: list[bytes] = []

    def write(frame: bytes) -> None:
        hub.leave(leaver)

    second = written_to(hub, 1, written.append)
    leaver = written_to(hub, 1, write)
    brings(hub, (1, message(event(1, 1))), (1, message(event(1, 2))))
    assert written == [event(1, 1).frame, event(1, 2).frame]
    assert (list(hub), leaver.cursor) == ([second], 1)


def test_what_ends_a_stream_comes_after_what_was_ready_for_it(hub: Hub) -> None:
    written: list[bytes] = []
    stream = written_to(hub, 1, written.append)
    brings(hub, (1, message(event(1, 1), Ended(1, (1,)))), (1, message(event(1, 2))))
    assert written == [event(1, 1).frame]
    assert (stream.ending, hub.counts) == (Ending.SIGNED_OUT, {"closed": 1})


def test_the_times_of_many_writes_are_not_kept_until_somebody_asks(hub: Hub) -> None:
    for sequence in range(1, 100 * UNREAD_MOST):
        hub.wrote(1, event(1, sequence).frame)
        assert len(hub.lateness._unread) < UNREAD_MOST
