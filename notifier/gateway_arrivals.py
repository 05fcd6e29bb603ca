"""Connections that are no streams: those whose request is still to come, and those that were told
their last bytes. Each has its time, and nobody's is without an end.
"""

from __future__ import annotations

import asyncio

from notifier.gateway_request import OneRequest
from notifier.http1 import TOO_SLOW

# The head of a request must be there within this; a browser sends it in one packet.
HEAD_SECONDS = 10.0
# After its last bytes a connection gets this long to take them.
CLOSE_SECONDS = 10.0
# In a crowd requests are read together, this far apart: one by one, each as it wakes the process,
# they find its caches full of others' things and cost up to a third more. Whoever comes alone is
# read at once.
READ_EVERY_SECONDS = 0.005


class Arrivals:
    """Reads the requests, and ends what takes too long."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Connections whose head is not complete, and those that were told goodbye, by when
        # their time is up (loop time). Both in the order of that time.
        self._arriving: dict[OneRequest, float] = {}
        self._closing: dict[OneRequest, float] = {}
        # Whose requests wait to be read together, and what has them read.
        self._unread: list[OneRequest] = []
        self._reading: asyncio.TimerHandle | None = None

    def arrives(self, connection: OneRequest) -> None:
        """A connection was accepted; its head must come in time."""
        self._arriving[connection] = self._loop.time() + HEAD_SECONDS

    def has_come(self, connection: OneRequest) -> None:
        """The first bytes of a request are here: it is read now, or with others in a moment."""
        if self._reading is None:
            self._reading = self._loop.call_later(READ_EVERY_SECONDS, self._read_all)
            connection.read()
        else:
            self._unread.append(connection)

    def _read_all(self) -> None:
        unread, self._unread = self._unread, []
        self._reading = None
        if unread:
            self._reading = self._loop.call_later(READ_EVERY_SECONDS, self._read_all)
        for connection in unread:
            try:
                connection.read()
            except Exception as error:
                connection.failed("reading a request failed", error)

    def has_arrived(self, connection: OneRequest) -> None:
        """Its head is complete."""
        self._arriving.pop(connection, None)

    def says_goodbye(self, connection: OneRequest) -> None:
        """A connection was told its last bytes; it must take them in time."""
        self._arriving.pop(connection, None)
        self._closing[connection] = self._loop.time() + CLOSE_SECONDS

    def gone(self, connection: OneRequest) -> None:
        """A connection is over."""
        self._arriving.pop(connection, None)
        self._closing.pop(connection, None)

    def time_out(self, now: float) -> None:
        """End those whose time is up at `now` (loop time)."""
        while self._arriving:
            connection, at = next(iter(self._arriving.items()))
            if at > now:
                break
            # One that is closing already says nothing more, and must not be met here for ever.
            del self._arriving[connection]
            connection.answer(TOO_SLOW)
        while self._closing:
            connection, at = next(iter(self._closing.items()))
            if at > now:
                break
            del self._closing[connection]
            connection.abort()

    def close(self) -> None:
        """End those whose request is still to come; nothing is read any more."""
        if self._reading is not None:
            self._reading.cancel()
        for connection in list(self._arriving):
            connection.abort()
