"""Events on the bus: what went in comes out, and nothing else gets in."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.events import (
    BUS_MESSAGE_MAX_BYTES,
    SEQUENCE_MAX,
    SIGNAL_MAX_BYTES,
    Ended,
    Event,
    Happened,
    Signal,
    check_name,
    from_bus,
    to_bus,
)
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


@given(st.lists(events | ends | signals, min_size=1, max_size=6))
def test_the_bus_carries_what_happened(happened: list[Happened]) -> None:
    assert list(chain.from_iterable(from_bus(7, m) for m in to_bus(happened))) == happened


@given(events)
def test_an_event_from_the_bus_has_the_same_frame(event: Event) -> None:
    (carried,) = from_bus(7, to_bus([event])[0])
    assert isinstance(carried, Event)
    assert carried.frame == event.frame


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
    messages = to_bus(happened)
    assert max(map(len, messages)) <= BUS_MESSAGE_MAX_BYTES
    assert list(chain.from_iterable(from_bus(7, message) for message in messages)) == happened


@given(signals)
def test_a_signal_has_no_number_and_leaves_the_cursor_alone(signal: Signal) -> None:
    (carried,) = from_bus(7, to_bus([signal])[0])
    assert isinstance(carried, Signal)
    source = EventSource("41", _id="41")
    (got,) = source.feed(carried.frame)
    assert got.name == signal.name
    assert got.notification.keys() == {"name", "data", "timestamp"}
    assert (got.last_event_id, source.last_event_id) == ("41", "41")


@pytest.mark.parametrize(("name", "payload"), [("ping", 1), ("a b", 1), ("typing", "x" * 4_096)])
def test_a_signal_is_small_and_has_a_name(name: str, payload: object) -> None:
    with pytest.raises(ValueError, match=r"name|bytes"):
        Signal.make(7, name, payload, 1.0)


SIGNAL: dict[str, Any] = {"name": "typing", "data": {"from": "harry"}, "timestamp": 1.5}


def marked(**others: object) -> bytes:
    return b"~" + json.dumps({**SIGNAL, **others}).encode()


def test_the_good_signal_is_taken() -> None:
    assert from_bus(7, marked()) == [Signal.make(7, "typing", {"from": "harry"}, 1.5)]


@pytest.mark.parametrize(
    "message",
    [
        b"~",
        b"~~",
        b"~null",
        b"~[]",
        b"~{}",
        b" " + marked(),
        marked()[1:],
        marked(sequence=3),
        marked(name="ping"),
        marked(name="a\nb"),
        marked(name=3),
        marked(timestamp=None),
        marked(timestamp=True),
        marked(data="x" * SIGNAL_MAX_BYTES),
    ],
)
def test_garbage_that_looks_like_a_signal_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        from_bus(7, message)


def test_line_ends_between_the_tokens_of_a_signal_cannot_break_a_frame() -> None:
    (signal,) = from_bus(7, b'~{"name":"typing",\r"data":1,\r"timestamp":1}')
    assert isinstance(signal, Signal)
    (got,) = EventSource().feed(signal.frame)
    assert got.payload == 1


GOOD: dict[str, Any] = {"name": "message", "data": {}, "timestamp": 1.5, "sequence": 3}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        b"hello",
        b"null",
        b"3",
        b'"text"',
        b"{}",
        b"[1, null]",
        b"[true]",
        b"\xff\xfe",
        b"[" * 5_000,
        b"x" * (BUS_MESSAGE_MAX_BYTES + 1),
        b'{"name": "\xed\xa0\x80"}',
        *(json.dumps(without(key)).encode() for key in GOOD),
        *(
            json.dumps({**GOOD, "sequence": sequence}).encode()
            for sequence in (0, -1, 2**63, 10**30, "3", 3.0, True, None)
        ),
        *(
            json.dumps({**GOOD, "name": name}).encode()
            for name in ("", "ping", "reset", "a\nb", "a b", "é", 3, None, "x" * 65)
        ),
        *(json.dumps({**GOOD, "timestamp": at}).encode() for at in ("1", None, True)),
        json.dumps({**GOOD, "data": "x" * BUS_MESSAGE_MAX_BYTES}).encode(),
        # One bad line spoils the message: we made none of it.
        json.dumps(GOOD).encode() + b"\n",
    ],
)
def test_garbage_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        from_bus(7, message)


def test_the_good_example_is_taken() -> None:
    assert from_bus(7, json.dumps(GOOD).encode()) == [Event(7, 3, "message", {}, 1.5)]


@given(st.binary() | payloads.map(orjson.dumps) | payloads.map(lambda p: b"~" + orjson.dumps(p)))
def test_nothing_but_a_value_error_comes_of_garbage(message: bytes) -> None:
    try:
        from_bus(7, message)
    except ValueError:
        return


def test_white_space_from_elsewhere_cannot_break_a_frame() -> None:
    (event,) = from_bus(7, b'{"name":"message",\r"data":1,\r"timestamp":1,\r"sequence":3}')
    assert isinstance(event, Event)
    (got,) = EventSource().feed(event.frame)
    assert got.notification["data"] == 1


@pytest.mark.parametrize("name", ["message", "unread_message_count", "a", "A-1.b_c", "x" * 64])
def test_a_name_is_letters_digits_and_three_signs(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_",
        "a b",
        "a\n",
        "é",
        "x" * 65,
        "ping",
        "reset",
        "signed_out",
        "too_many",
        "open",
        "a:b",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name"):
        check_name(name)
