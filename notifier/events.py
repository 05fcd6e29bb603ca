"""What happens to one recipient: events, signals, the end of sign-ins. Immutable, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

# The last sequence a database column (a signed 64-bit integer) can hold.
SEQUENCE_MAX = 2**63 - 1
NAME_MAX_CHARACTERS = 64
# A signal is a name and a few words; whoever has more to say has an event.
SIGNAL_MAX_BYTES = 4 * 1024
# The names that the stream itself uses.
RESERVED_NAMES = ("ping", "reset", "signed_out", "too_many", "error", "open")


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


# What may happen to a recipient.
Happened: TypeAlias = Event | Ended | Signal


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
