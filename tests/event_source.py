"""A browser's EventSource as the HTML standard has it (section 9.2.6), for tests.

Written from the standard and not from notifier/sse.py, so that one checks the other.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r)")


@dataclass(frozen=True)
class Received:
    """One dispatched event."""

    name: str
    data: str
    last_event_id: str

    @property
    def notification(self) -> dict[str, Any]:
        """What our events carry: name, data, timestamp, sequence."""
        parsed = json.loads(self.data)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def payload(self) -> Any:
        """The notification's own data: a count, a message."""
        return self.notification["data"]


@dataclass
class EventSource:
    """Takes bytes as they come and gives the events that a browser would dispatch."""

    last_event_id: str = ""
    retry_milliseconds: int | None = None
    _pending: bytes = b""
    _id: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def again(self) -> EventSource:
        """After a lost connection: the id and the pause stay, what was incomplete is gone."""
        return EventSource(self.last_event_id, self.retry_milliseconds, _id=self.last_event_id)

    def feed(self, data: bytes) -> list[Received]:
        """The events completed by `data`, which may end in the middle of anything."""
        self._pending += data
        # A CR at the end may be half of a CRLF: it waits for the next byte.
        end = max(self._pending.rfind(b"\n"), self._pending[:-1].rfind(b"\r")) + 1
        complete, self._pending = self._pending[:end], self._pending[end:]
        received = []
        for match in _LINE.finditer(complete.decode("utf-8", "replace")):
            event = self._line(match[1])
            if event is not None:
                received.append(event)
        return received

    def _line(self, line: str) -> Received | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry_milliseconds = int(value)
        return None

    def _dispatch(self) -> Received | None:
        self.last_event_id = self._id
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        if not data:
            return None
        return Received(name, "\n".join(data), self.last_event_id)
