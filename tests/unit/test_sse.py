"""The bytes of a stream: whatever text goes in, a conforming reader gets the same event out."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier import sse
from notifier.events import SEQUENCE_MAX, Event
from tests.event_source import EventSource, Received

# Whatever UTF-8 can carry; a lone surrogate is no text and cannot be sent at all.
texts = st.text(st.characters(exclude_categories=["Cs"]))
one_line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
payloads = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
BITES = "a\rb\nc\r\nd\0\x85\u2028\u2029\ufeff</script>\n\ndata: x\nid: 7\nevent: ping\n:\u202e"


def received(data: bytes, cut: int = 0) -> list[Received]:
    """What a browser makes of `data` when it comes in pieces of `cut` bytes (0: in one)."""
    source = EventSource()
    step = cut or len(data)
    return [
        event for at in range(0, len(data), step) for event in source.feed(data[at : at + step])
    ]


@given(texts, one_line.filter(bool), one_line, st.integers(0, 5))
@example(BITES, "name", "1", 1)
@example("", "name", "1", 0)
@example(" leading", "two words", " 1 ", 0)
def test_any_text_comes_out_as_it_went_in(data: str, name: str, last_id: str, cut: int) -> None:
    (event,) = received(sse.frame(data, event=name, event_id=last_id), cut)
    # The format knows one line end; which of the three it was is not carried.
    assert event.data == re.sub("\r\n|\r", "\n", data)
    assert (event.name, event.last_event_id) == (name, last_id)


@given(texts, st.sampled_from("\r\n\0"), texts)
def test_a_line_end_or_nul_never_enters_a_name_or_an_id(head: str, bad: str, tail: str) -> None:
    for field in ("event", "event_id"):
        with pytest.raises(ValueError, match="line end or NUL"):
            sse.frame("data", **{field: head + bad + tail})


@given(payloads, st.integers(1, SEQUENCE_MAX), st.integers(0, 5))
@example(BITES, 1, 1)
def test_an_event_with_any_payload_arrives_whole(payload: Any, sequence: int, cut: int) -> None:
    event = Event(1, sequence, "export_progress", payload, 1764000000.123)
    (got,) = received(event.frame, cut)
    assert (got.name, got.last_event_id) == ("export_progress", str(sequence))
    assert got.notification == {
        "name": "export_progress",
        "data": payload,
        "timestamp": 1764000000.123,
        "sequence": sequence,
    }


def test_the_contracts_example_byte_for_byte() -> None:
    event = Event(1, 42, "unread_message_count", 3, 1764000000.123)
    assert event.frame == (
        b"id: 42\nevent: unread_message_count\n"
        b'data: {"name":"unread_message_count","data":3,"timestamp":1764000000.123,"sequence":42}'
        b"\n\n"
    )


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (sse.PING, "ping"),
        (sse.RESET, "reset"),
        (sse.SIGNED_OUT, "signed_out"),
        (sse.TOO_MANY, "too_many"),
    ],
)
def test_what_the_stream_says_itself_is_a_named_event_without_an_id(said: bytes, name: str) -> None:
    source = EventSource()
    source.feed(Event(1, 9, "message", {}, 1.0).frame)
    (event,) = source.feed(said)
    assert event.name == name
    assert json.loads(event.data) == {}
    assert source.last_event_id == "9", "a browser that returns keeps its cursor"


def test_a_cursor_moves_the_last_event_id_and_nothing_else() -> None:
    source = EventSource()
    assert source.feed(sse.cursor(17)) == []
    assert source.last_event_id == "17"


def test_retries_differ_and_stay_within_their_range() -> None:
    pauses = set()
    for _ in range(200):
        source = EventSource()
        assert source.feed(sse.retry()) == []
        assert source.retry_milliseconds is not None
        pauses.add(source.retry_milliseconds)
    assert len(pauses) > 50, "many browsers do not come back in one moment"
    assert min(pauses) >= sse.RETRY_MIN_MS and max(pauses) <= sse.RETRY_MAX_MS


def test_who_has_too_many_streams_stays_away_for_minutes() -> None:
    source = EventSource()
    source.feed(sse.TOO_MANY)
    assert source.retry_milliseconds == 300_000


@pytest.mark.parametrize(
    ("given_text", "cursor"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("42", 42),
        (" 42 ", 42),
        ("00042", 42),
        (str(SEQUENCE_MAX), SEQUENCE_MAX),
        # Numbers that no sequence can be: of no log of ours, so the stream answers `reset`.
        ("-1", -1),
        ("+1", -1),
        (str(2**63), -1),
        ("9" * 60_000, -1),
        ("1" + "0" * 30, -1),
        # No numbers: the present state.
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("1.5", None),
        ("0x1f", None),
        ("1 2", None),
        ("4\r\n2", None),
        ("4\02", None),
        ("1_000", None),
        ("--1", None),
        ("٤٢", None),
        ("４２", None),
        ("²", None),
        ("\ud800", None),
    ],
)
def test_a_cursor_from_outside(given_text: str | None, cursor: int | None) -> None:
    assert sse.parse_cursor(given_text) == cursor


@given(st.text())
def test_a_cursor_is_a_sequence_or_minus_one_or_none(text: str) -> None:
    cursor = sse.parse_cursor(text)
    assert cursor is None or -1 <= cursor <= SEQUENCE_MAX


@given(st.integers(0, SEQUENCE_MAX))
def test_a_browser_brings_back_the_cursor_it_was_given(sequence: int) -> None:
    source = EventSource()
    source.feed(sse.cursor(sequence))
    assert sse.parse_cursor(source.last_event_id) == sequence


@pytest.mark.parametrize("tail", ["", "x"])
def test_a_long_cursor_costs_nothing(tail: str) -> None:
    before = time.process_time()
    sse.parse_cursor("0" * 30_000 + tail)
    assert time.process_time() - before < 0.5
