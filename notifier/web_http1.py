"""One HTTP/1 connection of the web app, as hypercorn speaks it with less work; see `web_server.py`,
which says what differs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import h11
from hypercorn.config import Config
from hypercorn.events import Event
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, Response, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import ConnectionState

from notifier.early_answers import Protecting

# What says how a body is framed and a connection goes on is h11's business.
FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
FINAL_STATUS_MIN = 200

Write = Callable[[bytes], Awaitable[None]]


class Exchange(HTTPStream):
    """One request and its answer. A piece of a body in chunks leaves in one step: a stream's event
    would go through six, each with an object of its own."""

    http1: Http1

    async def app_send(self, message: Any) -> None:
        if (
            message is not None
            and message.get("more_body")
            and self.http1.chunked
            and self.state is ASGIHTTPState.RESPONSE
        ):
            if piece := message.get("body"):
                await self.http1.send_piece(piece)
        else:
            await super().app_send(message)


class Http1(Protecting):
    """One connection that speaks HTTP/1; `write` sends bytes on it."""

    def __init__(self, write: Write, *given: Any) -> None:
        super().__init__(*given)
        self._write = write
        self._head = b""
        self._is_head = False
        # Whether a body is being sent in chunks.
        self.chunked = False

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, Response) and event.status_code >= FINAL_STATUS_MIN:
            # It waits for the first piece of the body, as ASGI wishes.
            self._head = self._head_of(event)
            return
        if self._head and isinstance(event, StreamClosed):
            # The app broke off before it said anything.
            await self._send_held(b"")
        await super().stream_send(event)

    async def send_piece(self, piece: bytes) -> None:
        """Send a chunk (RFC 9112, section 7.1). For h11 nothing changes until the last one, which
        it sends itself."""
        head, self._head = self._head, b""
        await self._write(b"%b%x\r\n%b\r\n" % (head, len(piece), piece))

    def _head_of(self, answer: Response) -> bytes:
        framing = [pair for pair in answer.headers if pair[0] in FRAMING]
        others = [pair for pair in answer.headers if pair[0] not in FRAMING]
        others += self.config.response_headers("h11")
        if self.keep_alive_requests >= self.config.keep_alive_max_requests:
            framing.append((b"connection", b"close"))
        bare = self._spoken(h11.Response(headers=framing, status_code=answer.status_code))
        # The answer to a HEAD would be in chunks, if it had a body.
        in_chunks = b"\r\ntransfer-encoding: chunked\r\n" in bare.lower()
        self.chunked = in_chunks and not self._is_head
        lines = b"".join([b"%s: %s\r\n" % pair for pair in others])
        if lines.count(b"\n") != len(others) or lines.count(b"\r") != len(others) or b"\0" in lines:
            raise h11.LocalProtocolError("a header holds CR, LF or NUL")
        return bare[:-2] + lines + b"\r\n" if bare else b""

    def _spoken(self, event: Any) -> bytes:
        try:
            return self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return b""

    async def _send_h11_event(self, event: Any) -> None:
        await self._send_held(self._spoken(event))

    async def _send_held(self, data: bytes) -> None:
        data, self._head = self._head + data, b""
        if data:
            await self._write(data)

    async def _check_protocol(self, event: h11.Request) -> None:
        if _is_plain(event):
            return
        await super()._check_protocol(event)

    async def _create_stream(self, request: h11.Request) -> None:
        if not _is_plain(request):
            await super()._create_stream(request)
            return
        self._is_head = request.method == b"HEAD"
        self.stream = stream = Exchange(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        stream.http1 = self
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=[(name.lower(), value) for name, value in request.headers.raw_items()],
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1
        await self.context.mark_request()


def _is_plain(request: h11.Request) -> bool:
    """Whether nobody asks for another protocol."""
    if request.method == b"PRI":
        return False
    return all(name.lower() != b"upgrade" for name, _ in request.headers.raw_items())


class Protocols(ProtocolWrapper):
    """As hypercorn's, which takes over where a client turns to HTTP/2."""

    def __init__(
        self,
        app: Any,
        config: Config,
        context: Any,
        task_group: Any,
        state: ConnectionState,
        client: Any,
        server: Any,
        send: Callable[[Event], Awaitable[None]],
        write: Write,
    ) -> None:
        self.app, self.config, self.context = app, config, context
        self.task_group, self.state, self.send = task_group, state, send
        # TLS ends before us.
        self.ssl = False
        self.client, self.server = client, server
        self.protocol = Http1(
            write, app, config, context, task_group, state, False, client, server, send
        )
