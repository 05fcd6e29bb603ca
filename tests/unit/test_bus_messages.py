"""Messages of the bus: what went in comes out, and nothing else gets in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.bus_messages import (
    BUS_MESSAGE_MAX_BYTES,
    PART_END,
    Carried,
    from_bus,
    sequence_told,
    to_bus,
    told,
)
from notifier.events import SEQUENCE_MAX, SIGNAL_MAX_BYTES, Ended, Event, Happened, Signal
from notifier.lateness import happened_at
from tests.event_source import EventSource
from tests.unit.test_sse import payloads

names = st.text("abcdefXYZ019_-.", min_size=1, max_size=64).filter(lambda n: n.strip("_-."))
events = st.builds(
    Event,
    st.just(7),
    st.integers(1, SEQUENCE_MAX),
    names,
    payloads,
    st.floats(0, 4e9, allow_nan=False),
)
signals = st.builds(Signal.make, st.just(7), names, payloads, st.floats(0, 4e9, allow_nan=False))
ends = st.builds(Ended, st.just(7), st.lists(st.integers(1, SEQUENCE_MAX), max_size=3).map(tuple))


def carried(happened: Sequence[Happened]) -> list[object]:
    """What comes out of the bus; an event as its number and its bytes."""
    heard = chain.from_iterable(from_bus(7, message) for message in to_bus(happened))
    return [(one.sequence, one.frame) if isinstance(one, Carried) else one for one in heard]


def as_it_goes(happened: Sequence[Happened]) -> list[object]:
    return [(one.sequence, one.frame) if isinstance(one, Event) else one for one in happened]


@given(st.lists(events | ends | signals, min_size=1, max_size=6))
def test_the_bus_carries_what_happened(happened: list[Happened]) -> None:
    assert carried(happened) == as_it_goes(happened)


@given(events)
def test_it_is_known_when_an_event_from_the_bus_happened(event: Event) -> None:
    (heard,) = from_bus(7, to_bus([event])[0])
    assert isinstance(heard, Carried)
    assert happened_at(heard.frame) == event.timestamp


@pytest.mark.parametrize(
    "json",
    [
        b"hello",
        b"[]",
        b"{}",
        b'{"timestamp": "now"}',
        b"\xff",
        b'{"timestamp":1.e.2,"sequence":3}',
        b'{"data":{"timestamp":1.5,"sequence":3},"more":1}',
    ],
)
def test_what_only_looks_like_an_event_has_no_time(json: bytes) -> None:
    assert happened_at(b"id: 3\nevent: message\ndata: %b\n\n" % json) is None


@given(events, st.integers(1, 5))
def test_events_in_a_row_say_what_they_follow_and_what_is_told_then(
    first: Event, many: int
) -> None:
    at = min(first.sequence, SEQUENCE_MAX - many)
    row = [Event(7, at + n, first.name, first.payload, first.timestamp) for n in range(many)]
    (message,) = to_bus(row)
    frames = b"".join(event.frame for event in row)
    assert message.split(PART_END) == [
        told(at - 1),
        told(row[-1].sequence),
        frames,
        b"+" * (many - 1),
    ]
    # Without numbers, as the release before had it.
    assert from_bus(7, frames) == from_bus(7, message)


@given(st.integers(0, SEQUENCE_MAX))
def test_a_number_that_was_told_is_known_again(sequence: int) -> None:
    assert sequence_told(told(sequence)) == sequence


def test_what_happened_at_once_is_one_message() -> None:
    several = [Event(7, number, "message", {}, 1.0) for number in range(1, 20)]
    assert len(to_bus([*several, Ended(7, (1,))])) == 1
    assert to_bus([]) == []


def test_no_message_is_larger_than_what_is_read() -> None:
    """Sixty-four messages of the longest texts came to one person in one transaction."""
    longest = "\U0001f468\u200d" * 840
    happened = [
        Event(7, number, "message", {"id": number, "body": longest}, 1.0) for number in range(1, 65)
    ]
    assert sum(len(event.json) for event in happened) > BUS_MESSAGE_MAX_BYTES
    assert max(map(len, to_bus(happened))) <= BUS_MESSAGE_MAX_BYTES
    assert carried(happened) == as_it_goes(happened)


@given(signals)
def test_a_signal_has_no_number_and_leaves_the_cursor_alone(signal: Signal) -> None:
    (heard,) = from_bus(7, to_bus([signal])[0])
    assert isinstance(heard, Signal)
    source = EventSource("41", _id="41")
    (got,) = source.feed(heard.frame)
    assert got.name == signal.name
    assert got.notification.keys() == {"name", "data", "timestamp"}
    assert (got.last_event_id, source.last_event_id) == ("41", "41")


SIGNAL: dict[str, Any] = {"name": "typing", "data": {"from": "harry"}, "timestamp": 1.5}


def shown(**others: object) -> bytes:
    """A signal on the bus, by what its JSON has."""
    signal = {**SIGNAL, **others}
    return f"event: {signal['name']}\ndata: {json.dumps(signal)}\n\n".encode()


def test_the_good_signal_is_taken() -> None:
    assert from_bus(7, shown()) == [Signal.make(7, "typing", {"from": "harry"}, 1.5)]


@pytest.mark.parametrize(
    "message",
    [
        b"event: typing\n\n",
        b"event: typing\ndata: \n\n",
        b"event: typing\ndata: null\n\n",
        b"event: typing\ndata: []\n\n",
        b"event: typing\ndata: {}\n\n",
        b" " + shown(),
        shown()[:-1],
        shown()[:-2],
        shown() + b"\n",
        shown().replace(b"data: ", b"date: "),
        shown(sequence=3),
        shown(name="ping"),
        shown(name="a\nb"),
        shown(name=3),
        shown().replace(b"event: typing", b"event: seen"),
        shown(timestamp=None),
        shown(timestamp=True),
        shown(data="x" * SIGNAL_MAX_BYTES),
    ],
)
def test_garbage_that_looks_like_a_signal_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        from_bus(7, message)


# What no sequence can be, or is not written like one.
NUMBERS = [b"", b"x", b"0", b"-1", b"+1", b" 1", b"1_0", b"%d" % (SEQUENCE_MAX + 1), b"9" * 5_000]
DATA = b'data: {"name":"message","data":{},"timestamp":1.5,"sequence":3}'


def numbered(
    number: bytes = b"id: 3", name: bytes = b"event: message", data: bytes = DATA
) -> bytes:
    """An event on the bus, by its lines."""
    return b"%b\n%b\n%b\n\n" % (number, name, data)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        b"\n",
        b"\n\n",
        b"\n" * 6,
        b"hello",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 5_000,
        b"x" * (BUS_MESSAGE_MAX_BYTES + 1),
        *(numbered(b"id: " + number) for number in NUMBERS),
        *(numbered(line) for line in (b"", b"id:3", b"retry: 3", b"3")),
        *(
            numbered(name=b"event: " + name)
            for name in (b"", b"ping", b"reset", b"signed_out", b"a b", b"\xff", b"a\0", b"x" * 65)
        ),
        *(numbered(name=line) for line in (b"", b"message", b"id: 9", b"events: message")),
        *(numbered(data=line) for line in (b"", b"{}", b"event: other", DATA + b"\rid: 9")),
        numbered(data=DATA + b"\nid: 9"),
        numbered()[:-1],
        b"retry: 1\n" + numbered(),
        # One bad frame spoils the message: we made none of it.
        numbered() + b"\n",
        numbered() + b"\n\n",
        numbered() + b": comment",
        numbered()[:-1] + b": comment\n",
        numbered(data=b"data: " + b"x" * BUS_MESSAGE_MAX_BYTES),
        *(
            b"event: signed_out\ndata: %b\n\n" % json
            for json in (b"", b"3", b"{}", b"[1, null]", b"[true]", b'["1"]')
        ),
    ],
)
def test_garbage_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        from_bus(7, message)


FRAME = numbered()
ALONE = b"2\x003\0" + FRAME + b"\0"
ROW = b"2\x004\0" + FRAME + numbered(b"id: 4") + b"\0+"


@pytest.mark.parametrize(
    "message",
    [
        *(number + b"\x003\0" + FRAME + b"\0" for number in (*NUMBERS, b"1", b"3", b"02")),
        *(b"2\0" + number + b"\0" + FRAME + b"\0" for number in (*NUMBERS, b"2", b"4", b"03")),
        *(ALONE[:end] for end in range(len(ALONE))),
        *(ALONE + more for more in (b"+", b"++", b"-")),
        *(ROW[:-1] + more for more in (b"", b"++", b"x")),
        ROW.replace(b"id: 3", b"id: 4"),
        ROW.replace(b"id: 4", b"id: 5"),
        ALONE[1:],
        ALONE + ALONE,
        ALONE + b"3",
        ALONE + b"\0",
        b"2\x003\0" + FRAME + FRAME + b"\0",
        b"2\x003\0" + shown() + b"\0",
        b"2\x003\0" + b"event: signed_out\ndata: [1]\n\n" + b"\0",
        b"2\x003\0" + FRAME.replace(b"\n", b"\r\n") + b"\0",
        b"2\x003\0" + FRAME[:-2] + b"x" * BUS_MESSAGE_MAX_BYTES + b"\n\n\0",
    ],
)
def test_what_only_looks_like_events_in_a_row_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        from_bus(7, message)


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_no_number_is_of_no_log(number: bytes) -> None:
    assert sequence_told(number) == (0 if number == b"0" else -1)


@pytest.mark.parametrize("message", [FRAME, ALONE])
def test_the_good_example_is_taken(message: bytes) -> None:
    (heard,) = from_bus(7, message)
    assert isinstance(heard, Carried)
    assert (heard.sequence, heard.frame) == (3, Event(7, 3, "message", {}, 1.5).frame)


lines = st.binary() | st.sampled_from([b"id: 3", b"event: a", b"event: signed_out", b"data: [1]"])


@given(st.lists(lines).map(b"\n".join).flatmap(lambda m: st.sampled_from([m, m + b"\n\n"])))
def test_nothing_but_a_value_error_comes_of_garbage(message: bytes) -> None:
    for garbage in (message, b"2\x003\0" + message + b"\0"):
        with suppress(ValueError):
            from_bus(7, garbage)


@given(st.lists(lines, min_size=2, max_size=5).map(lambda some: b"\n".join(some) + b"\n\n"))
def test_what_is_taken_for_an_event_cannot_break_out_of_its_lines(message: bytes) -> None:
    try:
        heard = from_bus(7, message)
    except ValueError:
        return
    for one in heard:
        if isinstance(one, Carried):
            (got,) = EventSource().feed(one.frame)
            assert (got.last_event_id, got.name) == (str(one.sequence), "a")
