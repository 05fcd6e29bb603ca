"""An event: something that happened to one recipient, and its form on the bus.

Immutable and without I/O. The JSON of an event is the same on the bus and in a stream's `data`
line, so a process that only carries it (the gateway) never has to write it again.
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
# Begins the line of a signal on the bus: no JSON begins with it, so an event's way is not longer.
_SIGNAL_MARK = b"~"
# Names that were found good, so that thousands of events a second are not checked letter by
# letter. A program has a few dozen; the bound is for garbage that happens to be well-formed.
CHECKED_NAMES_MOST = 1_000
_checked: set[str] = set()


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
            # `json` holds no raw CR, LF or NUL (JSON escapes them) and `name` was checked when
            # the event was made, so nothing can break out of a field. `sse.frame` is the general
            # way for text that is not known to be one line.
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


# What a message on the bus may tell of.
Happened: TypeAlias = Event | Ended | Signal


def check_name(name: str) -> str:
    """`name`, if it can be an SSE event type and a metric label; else `ValueError`.

    Letters, digits, `_`, `-` and `.`; the reserved names of the stream itself are refused.
    """
    plain = name.replace("_", "").replace("-", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum()) or len(name) > NAME_MAX_CHARACTERS:
        raise ValueError(f"{name!r} is no name: use letters, digits, '_', '-' and '.'")
    if name in {"ping", "reset", "signed_out", "too_many", "error", "open"}:
        raise ValueError(f"{name!r} is a name that the stream itself uses")
    return name


def to_bus(happened: Sequence[Happened]) -> list[bytes]:
    """The bus messages for what happened to one recipient, in order: one JSON value a line.

    An event is its public JSON object, the end of sign-ins an array of their numbers, a signal a
    mark and its JSON. It is one message unless that would pass `BUS_MESSAGE_MAX_BYTES`, beyond
    which nobody reads it.
    """
    messages: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    for one in happened:
        line = one.json if isinstance(one, Event) else _line(one)
        size += len(line) + 1
        if lines and size > BUS_MESSAGE_MAX_BYTES:
            messages.append(b"\n".join(lines))
            lines, size = [], len(line) + 1
        lines.append(line)
    return [*messages, b"\n".join(lines)] if lines else messages


def _line(one: Ended | Signal) -> bytes:
    return _SIGNAL_MARK + one.json if isinstance(one, Signal) else orjson.dumps(one.sign_in_ids)


def from_bus(recipient_id: int, message: bytes) -> list[Happened]:
    """What a bus message tells of.

    Raises `ValueError` for whatever `to_bus` did not make: garbage on the channel, another
    program's message, one beyond `BUS_MESSAGE_MAX_BYTES`, an impossible sequence.
    """
    if len(message) > BUS_MESSAGE_MAX_BYTES:
        raise ValueError("larger than any message of ours")
    if b"\n" in message:
        return [_parse(recipient_id, line) for line in message.split(b"\n")]
    return [_parse(recipient_id, message)]


def _parse(recipient_id: int, line: bytes) -> Happened:
    try:
        body = orjson.loads(line)
    except ValueError:
        if line.startswith(_SIGNAL_MARK):
            return _signal(recipient_id, line.removeprefix(_SIGNAL_MARK))
        raise
    if type(body) is not dict:
        if type(body) is list and all(type(number) is int for number in body):
            return Ended(recipient_id, tuple(body))
        raise ValueError("not an event")
    try:
        sequence, name, timestamp = body["sequence"], body["name"], body["timestamp"]
        event = Event(recipient_id, sequence, name, body["data"], timestamp)
    except KeyError as error:
        raise ValueError(f"no {error}") from None
    if type(sequence) is not int or not 0 < sequence <= SEQUENCE_MAX:
        raise ValueError("an impossible sequence")
    if type(name) is not str or type(timestamp) not in (float, int):
        raise ValueError("not an event")
    if name not in _checked:
        check_name(name)
        if len(_checked) < CHECKED_NAMES_MOST:
            _checked.add(name)
    # White space between tokens may hold a CR; only what we wrote ourselves is one clean line.
    if b"\r" not in line:
        event._json = line
    return event


def _signal(recipient_id: int, line: bytes) -> Signal:
    if len(line) > SIGNAL_MAX_BYTES:
        raise ValueError("larger than any signal of ours")
    body = orjson.loads(line)
    if type(body) is not dict or body.keys() != {"name", "data", "timestamp"}:
        raise ValueError("not a signal")
    if type(body["name"]) is not str or type(body["timestamp"]) not in (float, int):
        raise ValueError("not a signal")
    # Written anew: what came may hold line ends between its tokens.
    return Signal.make(recipient_id, body["name"], body["data"], body["timestamp"])
