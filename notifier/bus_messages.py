"""What happened to one recipient, as a message on the bus. Pure.

The bus carries the bytes of a stream: an event has its number in `id`, a signal has none. So
whoever writes an event to a thousand streams has to read neither its JSON nor its name.

Events in a row, one or several, as nearly all are, have two numbers before their bytes: of the
event that they follow, and of the last of them. A stream that was told the former can be given the
bytes as they are, and was told the latter then: one comparison, and nothing is parsed, for a
process that has just woken pays for each piece of code it comes to. After the bytes is a mark for
each event but the first, so that they can be counted. Each part but the last ends with a NUL, which
no frame has. What has the right number before it is believed: who can write that to our Redis can
tell people anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from notifier.events import (
    SEQUENCE_MAX,
    SIGNAL_MAX_BYTES,
    Ended,
    Event,
    Happened,
    Signal,
    check_name,
)

# Larger than any event we make (a message is at most 140 characters), small enough that garbage
# on a channel cannot make a process parse for long. In bytes, for all events of one message.
BUS_MESSAGE_MAX_BYTES = 256 * 1024
_ID, _DATA = b"id: ", b"data: "
# A number, because CPython (3.11 to 3.13) takes the left side of `b"\r" in message` for one first:
# an exception is made, worded and thrown away for every message.
_CARRIAGE_RETURN = ord("\r")
# What tells a stream's reader that its sign-in is over tells the bus whose, by their numbers. No
# event and no signal may have this name.
_ENDED = b"event: signed_out"
# `event: <name>` as found good, so that thousands of events a second are not checked letter by
# letter. A program has a few dozen; the bound is for garbage that happens to be well-formed.
CHECKED_NAMES_MOST = 1_000
_checked: set[bytes] = set()
# What ends each part of a message of events in a row but the last: the number before them, the last
# of theirs, their frames; and what is there for each event but the first.
PART_END = b"\0"
_MORE = b"+"
# `SEQUENCE_MAX` has so many.
_DIGITS_MOST = 19


@dataclass(frozen=True, slots=True)
class Carried:
    """An event as the bus brings it: its `sequence`, and its bytes in a stream (`frame`)."""

    sequence: int
    frame: bytes


# What comes out of a message; of an event, no more than what a stream needs.
Heard: TypeAlias = Carried | Ended | Signal


def to_bus(happened: Sequence[Happened]) -> list[bytes]:
    """The bus messages for what happened to one recipient, in order: their bytes in a stream, with
    more around those of events in a row (see the module).

    The end of sign-ins is a `signed_out` with an array of their numbers. It is one message unless
    that would pass `BUS_MESSAGE_MAX_BYTES`, beyond which nobody reads it.
    """
    if in_a_row := _row(happened):
        return [in_a_row]
    messages: list[bytes] = []
    frames: list[bytes] = []
    size = 0
    for one in happened:
        frame = _ended(one) if isinstance(one, Ended) else one.frame
        size += len(frame)
        if frames and size > BUS_MESSAGE_MAX_BYTES:
            messages.append(b"".join(frames))
            frames, size = [], len(frame)
        frames.append(frame)
    return [*messages, b"".join(frames)] if frames else messages


def _row(happened: Sequence[Happened]) -> bytes:
    """The message of events in a row; b"" if it is anything else, or would be too large."""
    frames: list[bytes] = []
    before = last = 0
    for one in happened:
        if not isinstance(one, Event) or (frames and one.sequence != last + 1):
            return b""
        if not frames:
            before = one.sequence - 1
        last = one.sequence
        frames.append(one.frame)
    if not frames:
        return b""
    parts = (told(before), told(last), b"".join(frames), _MORE * (len(frames) - 1))
    message = PART_END.join(parts)
    return message if len(message) <= BUS_MESSAGE_MAX_BYTES else b""


def _ended(ended: Ended) -> bytes:
    return b"%b\ndata: %b\n\n" % (_ENDED, orjson.dumps(ended.sign_in_ids))


def from_bus(recipient_id: int, message: bytes) -> list[Heard]:
    """What a bus message tells of.

    Raises `ValueError` for whatever does not look as `to_bus` makes it: garbage on the channel,
    another program's message, one beyond `BUS_MESSAGE_MAX_BYTES`, an impossible sequence. Whatever
    is returned keeps to its lines in a stream. The JSON of an event is not read.
    """
    if len(message) > BUS_MESSAGE_MAX_BYTES:
        raise ValueError("larger than any message of ours")
    if _CARRIAGE_RETURN in message:
        # It ends a line in a stream, and none of ours has one.
        raise ValueError("no frames of ours")
    before, end, rest = message.partition(PART_END)
    return _in_a_row(recipient_id, before, rest) if end else _frames(recipient_id, message)


def told(sequence: int) -> bytes:
    """A number as a message of events in a row has it."""
    return b"%d" % sequence


def sequence_told(number: bytes) -> int:
    """The sequence that `number` is; -1, which is of no log, for what is none of ours: `told` may
    have come from anybody who can write to our Redis."""
    if number.isdigit() and len(number) <= _DIGITS_MOST:
        sequence = int(number)
        if number == told(sequence) and sequence <= SEQUENCE_MAX:
            return sequence
    return -1


def _in_a_row(recipient_id: int, before: bytes, rest: bytes) -> list[Heard]:
    last, frames, more = rest.split(PART_END)
    heard = _frames(recipient_id, frames)
    at = sequence_told(before)
    for one in heard:
        at += 1
        if not isinstance(one, Carried) or one.sequence != at:
            raise ValueError("no events in a row")
    if last != told(at) or more != _MORE * (len(heard) - 1):
        raise ValueError("not the events that it says")
    return heard


def _frames(recipient_id: int, message: bytes) -> list[Heard]:
    *frames, rest = message.split(b"\n\n")
    if rest or not frames:
        raise ValueError("no frames of ours")
    return [_by_line(recipient_id, frame.split(b"\n"), frame + b"\n\n") for frame in frames]


def _by_line(recipient_id: int, lines: list[bytes], frame: bytes) -> Heard:
    if len(lines) != 3:
        return _besides(recipient_id, lines)
    number, name, data = lines
    digits = number[4:]
    if number[:4] != _ID or not digits.isdigit() or data[:6] != _DATA:
        raise ValueError("not an event")
    if name not in _checked:
        _check_name_line(name)
    sequence = int(digits)
    if not 0 < sequence <= SEQUENCE_MAX:
        raise ValueError("an impossible sequence")
    return Carried(sequence, frame)


def _check_name_line(line: bytes) -> None:
    field, _, name = line.partition(b": ")
    if field != b"event":
        raise ValueError("not an event")
    check_name(name.decode())
    if len(_checked) < CHECKED_NAMES_MOST:
        _checked.add(line)


def _besides(recipient_id: int, lines: list[bytes]) -> Ended | Signal:
    """What is no event: the end of sign-ins, or a signal."""
    if len(lines) != 2 or not lines[1].startswith(_DATA):
        raise ValueError("no frame of ours")
    name, json = lines[0], lines[1].removeprefix(_DATA)
    if name == _ENDED:
        numbers = orjson.loads(json)
        if type(numbers) is list and all(type(number) is int for number in numbers):
            return Ended(recipient_id, tuple(numbers))
        raise ValueError("not the end of sign-ins")
    if len(json) > SIGNAL_MAX_BYTES:
        raise ValueError("larger than any signal of ours")
    body = orjson.loads(json)
    if type(body) is not dict or body.keys() != {"name", "data", "timestamp"}:
        raise ValueError("not a signal")
    if type(body["name"]) is not str or type(body["timestamp"]) not in (float, int):
        raise ValueError("not a signal")
    signal = Signal.make(recipient_id, body["name"], body["data"], body["timestamp"])
    if name != b"event: %b" % signal.name.encode():
        raise ValueError("a signal of two names")
    return signal
