"""A connection of the gateway up to its stream: one request's head in, a short answer out, the end.

What every connection needs, whatever it asks for. It knows nothing of streams or people.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from notifier.http1 import HEAD_MAX_BYTES, Answer, RequestReader, Wanted

if TYPE_CHECKING:
    from notifier.gateway import Gateway


class OneRequest(asyncio.Protocol):
    """Reads one request and hands it to `arrived`; gives short answers; closes in good order."""

    __slots__ = ("_gateway", "_reader", "_spare_bytes", "_transport", "_unread", "_wanted")

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._reader: RequestReader | None = RequestReader()
        self._wanted: Wanted | None = None
        # Its first bytes, until the gateway has them read.
        self._unread = b""
        # What a peer may still send after its head; it is read and forgotten.
        self._spare_bytes = HEAD_MAX_BYTES

    def arrived(self, wanted: Wanted) -> None:
        """The head is complete; the kind of connection says what comes of it."""

    # -- what the transport calls ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._gateway.arrives(self)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            self._spare_bytes -= len(data)
            if self._spare_bytes < 0:
                self.abort()
        elif self._unread or reader.has_begun:
            self._unread += data
            self.read()
        else:
            # No more than decides what comes of it.
            self._unread = data[: HEAD_MAX_BYTES + 1]
            self._gateway.arrivals.has_come(self)

    def eof_received(self) -> None:
        # Whoever says no more may still hear an answer.
        self.read()

    def read(self) -> None:
        """Read what has come."""
        data, self._unread = self._unread, b""
        reader = self._reader
        if reader is None or not data:
            return
        refused = reader.feed(data)
        if refused is not None:
            self.answer(refused)
        elif reader.wanted is not None:
            # The parser is dropped here: a waiting stream has no use for it.
            self._reader = None
            self._wanted = reader.wanted
            self.arrived(reader.wanted)

    # -- the end ---------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """A short answer instead of a stream."""
        with_body = self._wanted is None or self._wanted.method != "HEAD"
        self._last_words(self._gateway.answers.short(answer, with_body=with_body))

    def answer_in_two(self, first: bytes, second: bytes, seconds: float) -> None:
        """An answer whose second half comes later."""
        if self._transport is not None:
            self._transport.write(first)
            asyncio.get_running_loop().call_later(seconds, self._last_words, second)

    def _last_words(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if data:
            transport.write(data)
        self._close_reader()
        self._gateway.arrivals.says_goodbye(self)
        transport.close()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def failed(self, what: str, error: Exception) -> None:
        """A fault of ours with this connection: it is logged and ends, and no other does."""
        told = {"message": what, "exception": error}
        asyncio.get_running_loop().call_exception_handler(told)
        self.abort()

    def abort(self) -> None:
        """End the connection without another byte."""
        if self._transport is not None:
            self._transport.abort()
