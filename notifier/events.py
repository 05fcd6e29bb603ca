"""An event: something that happened to one recipient, and its form on the bus.

Immutable and without I/O. The bus carries the bytes of a stream: an event has its number in `id`, a
signal has none. So whoever writes an event to a thousand streams has to read neither its JSON nor
its name, and the number is all that is looked at on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

# Larger than any event we make (a message is at most 140 characters), small enough that garbage
# on a channel cannot make a process parse for long. In bytes, for all events of one message.
BUS_MESSAGE_MAX_BYTES = 256 * 1024
# The last sequence a database column (a signed 64-bit integer) can hold.
SEQUENCE_MAX = 2**63 - 1
NAME_MAX_CHARACTERS = 64
# A signal is a name and a few words; whoever has more to say has an event.
SIGNAL_MAX_BYTES = 4 * 1024
_ID, _DATA = b"id: ", b"data: "
# The names that the stream itself uses.
RESERVED_NAMES = ("ping", "reset", "signed_out", "too_many", "error", "open")
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
# So many digits are below `SEQUENCE_MAX` whatever they are.
_DIGITS_MOST = 18


class Event:
    """One event of one recipient.

    `sequence` counts 1, 2, 3 … per recipient; `name` is the kind of notification and the SSE
    event type; `payload` is any JSON value; `timestamp` is in seconds since the epoch.
    """

    __slots__ = ("_frame", "_json", "name", "payload", "recipient_id", "sequence", "timestamp")

    def __init__(
        self, recipient_id: int, sequence: int, name: str, payload: Any, timestamp: float
    ) -> None:
        self.recipient_id = recipient_id
        self.sequence = sequence
        self.name = name
        self.payload = payload
        self.timestamp = timestamp
        self._json: bytes | None = None
        self._frame: bytes | None = None

    @property
    def json(self) -> bytes:
        """`{"name", "data", "timestamp", "sequence"}` as UTF-8, on one line."""
        if self._json is None:
            self._json = orjson.dumps(self.as_dict())
        return self._json

    @property
    def frame(self) -> bytes:
        """The event's bytes in a stream; made once, shared by all the streams that send it."""
        if self._frame is None:
            # `json` holds no raw CR, LF or NUL (JSON escapes them) and `name` was checked when it
            # was recorded, so nothing can break out of a field. `sse.frame` is the general way for
            # text that is not known to be one line.
            self._frame = b"id: %d\nevent: %s\ndata: %s\n\n" % (
                self.sequence,
                self.name.encode(),
                self.json,
            )
        return self._frame

    def as_dict(self) -> dict[str, Any]:
        """The public form, as `GET /notifications` lists it."""
        return {
            "name": self.name,
            "data": self.payload,
            "timestamp": self.timestamp,
            "sequence": self.sequence,
        }

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.recipient_id == other.recipient_id and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.recipient_id, self.sequence))

    def __repr__(self) -> str:
        return f"Event({self.recipient_id}, {self.sequence}, {self.name!r}, {self.payload!r})"


@dataclass(frozen=True, slots=True)
class Carried:
    """An event as the bus brings it: its `sequence`, and its bytes in a stream (`frame`)."""

    sequence: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """Sign-ins of one person that are over: their streams end in every process."""

    recipient_id: int
    sign_in_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """What one person's open pages should show now and nobody needs to know later.

    It has no sequence, is never stored and is lost on whoever is not live at that moment.
    `json` is its public form, without a sequence: `{"name", "data", "timestamp"}` on one line.
    """

    recipient_id: int
    name: str
    json: bytes

    @classmethod
    def make(cls, recipient_id: int, name: str, payload: Any, timestamp: float) -> Signal:
        """Raises `ValueError` for a bad name and for more than `SIGNAL_MAX_BYTES`."""
        body = {"name": check_name(name), "data": payload, "timestamp": timestamp}
        json = orjson.dumps(body)
        if len(json) > SIGNAL_MAX_BYTES:
            raise ValueError(f"a signal of {len(json)} bytes; at most {SIGNAL_MAX_BYTES}")
        return cls(recipient_id, name, json)

    @property
    def frame(self) -> bytes:
        """Its bytes in a stream: no `id`, so a browser's cursor stays where it is."""
        return b"event: %s\ndata: %s\n\n" % (self.name.encode(), self.json)


# What a message on the bus may tell of, and how it comes out there.
Happened: TypeAlias = Event | Ended | Signal
Heard: TypeAlias = Carried | Ended | Signal


def check_name(name: str) -> str:
    """`name`, if it can be an SSE event type and a metric label; else `ValueError`.

    Letters, digits, `_`, `-` and `.`; the reserved names of the stream itself are refused.
    """
    plain = name.replace("_", "").replace("-", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum()) or len(name) > NAME_MAX_CHARACTERS:
        raise ValueError(f"{name!r} is no name: use letters, digits, '_', '-' and '.'")
    if name in RESERVED_NAMES:
        raise ValueError(f"{name!r} is a name that the stream itself uses")
    return name


def to_bus(happened: Sequence[Happened]) -> list[bytes]:
    """The bus messages for what happened to one recipient, in order: their bytes in a stream.

    The end of sign-ins is a `signed_out` with an array of their numbers. It is one message unless
    that would pass `BUS_MESSAGE_MAX_BYTES`, beyond which nobody reads it.
    """
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


def _ended(ended: Ended) -> bytes:
    return b"%b\ndata: %b\n\n" % (_ENDED, orjson.dumps(ended.sign_in_ids))


def from_bus(recipient_id: int, message: bytes) -> list[Heard]:
    """What a bus message tells of.

    Raises `ValueError` for whatever does not look as `to_bus` makes it: garbage on the channel,
    another program's message, one beyond `BUS_MESSAGE_MAX_BYTES`, an impossible sequence. Whatever
    is returned keeps to its lines in a stream. The JSON of an event is not read: who can publish
    on our Redis in our own form can tell people anything.
    """
    if len(message) > BUS_MESSAGE_MAX_BYTES:
        raise ValueError("larger than any message of ours")
    if _CARRIAGE_RETURN in message:
        # It ends a line in a stream, and none of ours has one.
        raise ValueError("no frames of ours")
    *frames, rest = message.split(b"\n\n")
    if rest or not frames:
        raise ValueError("no frames of ours")
    return [_by_line(recipient_id, frame.split(b"\n"), frame + b"\n\n") for frame in frames]


def event_alone(message: bytes) -> int:
    """The sequence of the event that a message is, if it is one and nothing else, as most are; 0 if
    `from_bus` has to look at it.

    One function with few steps: a process that has slept pays for each piece of code it comes to.
    """
    try:
        number, name, data, gap, end = message.split(b"\n")
    except ValueError:
        return 0
    digits = number[4:]
    if (
        name in _checked
        and digits.isdigit()
        and len(digits) <= _DIGITS_MOST
        and number[:4] == _ID
        and data[:6] == _DATA
        and not gap
        and not end
        and _CARRIAGE_RETURN not in message
        and len(message) <= BUS_MESSAGE_MAX_BYTES
    ):
        return int(digits)
    return 0


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
