"""hypercorn's server with the needless work of a connection left out.

Whoever reads the web app need not know this room: it serves what hypercorn serves, by hypercorn's
own classes. What differs, and nothing else may:
- the head of an answer and the first piece of its body leave in one write;
- headers are looked at once, by us, where h11 looks at each four times;
- an idle connection is watched by a timer, where hypercorn starts two tasks.
A quarter of what a stream costs at its beginning was there. hypercorn 0.18 has no setting for any
of it, and is pinned.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import h11
from hypercorn.asyncio.run import worker_serve
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config, Sockets
from hypercorn.events import Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, Response, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr, wrap_app

from notifier.early_answers import Protecting

# What says how a body is framed and a connection goes on is h11's business.
FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
FINAL_STATUS_MIN = 200
# Whoever connects sends a request at once; a connection that was accepted just before the end gets
# this long to do so, and an answer.
FIRST_REQUEST_SECONDS = 0.5


class WebConfig(Config):
    """hypercorn's settings; the date is written once a second."""

    _second = 0
    _dated: list[tuple[bytes, bytes]]

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        now = int(time.time())
        if now != self._second:
            self._second, self._dated = now, super().response_headers(protocol)
        return self._dated


class Http1(Protecting):
    """One connection that speaks HTTP/1."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._head = b""

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, Response) and event.status_code >= FINAL_STATUS_MIN:
            # It waits for the first piece of the body, as ASGI wishes.
            self._head = self._head_of(event)
            return
        if self._head and isinstance(event, StreamClosed):
            # The app broke off before it said anything.
            await self._send_held(b"")
        await super().stream_send(event)

    def _head_of(self, answer: Response) -> bytes:
        framing = [pair for pair in answer.headers if pair[0] in FRAMING]
        others = [pair for pair in answer.headers if pair[0] not in FRAMING]
        others += self.config.response_headers("h11")
        if self.keep_alive_requests >= self.config.keep_alive_max_requests:
            framing.append((b"connection", b"close"))
        bare = self._spoken(h11.Response(headers=framing, status_code=answer.status_code))
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
            await self.send(RawData(data=data))

    async def _check_protocol(self, event: h11.Request) -> None:
        if _is_plain(event):
            return
        await super()._check_protocol(event)

    async def _create_stream(self, request: h11.Request) -> None:
        if not _is_plain(request):
            await super()._create_stream(request)
            return
        self.stream = HTTPStream(
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
        await self.stream.handle(
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
    ) -> None:
        self.app, self.config, self.context = app, config, context
        self.task_group, self.state, self.send = task_group, state, send
        # TLS ends before us.
        self.ssl = False
        self.client, self.server = client, server
        self.protocol = Http1(app, config, context, task_group, state, False, client, server, send)


class Connection(TCPServer):
    """One accepted connection."""

    idle: set[Connection]
    _timer: asyncio.TimerHandle | None = None
    _was_asked = False

    async def run(self) -> None:
        accepted = self.writer.get_extra_info("socket")
        try:
            client = parse_socket_addr(accepted.family, accepted.getpeername())
            server = parse_socket_addr(accepted.family, accepted.getsockname())
            async with TaskGroup(self.loop) as task_group:
                self._task_group = task_group
                self.protocol = Protocols(
                    self.app,
                    self.config,
                    self.context,
                    task_group,
                    ConnectionState(self.state),
                    client,
                    server,
                    self.protocol_send,
                )
                await self.protocol.initiate()
                self._watch()
                try:
                    await self._read_data()
                finally:
                    self._unwatch()
        except OSError:
            # As hypercorn does: the connection is gone.
            pass
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        if not isinstance(event, Updated):
            await super().protocol_send(event)
        elif event.idle:
            self._watch()
        else:
            self._was_asked = True
            self._unwatch()

    def _watch(self) -> None:
        self._unwatch()
        self._timer = self.loop.call_later(self.config.keep_alive_timeout, self.end)
        self.idle.add(self)
        if self.context.terminated.is_set():
            self.end_soon()

    def end_soon(self) -> None:
        """The server stops: nothing more is expected here, unless nothing was asked yet."""
        if self._was_asked:
            self.end()
            return
        self._unwatch()
        self._timer = self.loop.call_later(FIRST_REQUEST_SECONDS, self.end)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.idle.discard(self)

    def end(self) -> None:
        """Nothing is asked, and nothing will be."""
        self._unwatch()
        self._task_group.spawn(self._initiate_server_close)


async def serve(
    app: Any, config: Config, listening: socket.socket, until: Callable[[], Awaitable[None]]
) -> None:
    """Serve `listening` between the app's start and its stop; `until` says when to stop."""
    loop = asyncio.get_running_loop()
    context = WorkerContext(None)
    asgi = wrap_app(app, config.wsgi_max_body_size, "asgi")
    tasks: set[asyncio.Task[Any]] = set()
    idle: set[Connection] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        connection = Connection(asgi, loop, config, context, {}, reader, writer)
        connection.idle = idle
        await connection

    async def started() -> None:
        server = await asyncio.start_server(accept, backlog=config.backlog, sock=listening)
        try:
            await until()
        finally:
            await context.terminated.set()
            for connection in list(idle):
                connection.end_soon()
            server.close()
            await _ended(tasks, config.graceful_timeout)

    # hypercorn's own part, with nothing to listen at: the app's start and stop.
    await worker_serve(asgi, config, sockets=Sockets([], [], []), shutdown_trigger=started)


async def _ended(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    """Wait for the requests in flight; what takes longer is broken off."""
    if not tasks:
        return
    _, late = await asyncio.wait(set(tasks), timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
