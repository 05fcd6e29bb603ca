"""hypercorn's server with the needless work of a connection left out.

Whoever reads the web app need not know this room: it serves what hypercorn serves, by hypercorn's
own classes. What differs, and nothing else may:
- the head of an answer and the first piece of its body leave in one write;
- headers are looked at once, by us, where h11 looks at each four times;
- a piece of a body is framed and written here, where it goes through six layers there;
- an idle connection is watched by a timer, where hypercorn starts two tasks.
A quarter of what a stream costs at its beginning was there. hypercorn 0.18 has no setting for any
of it, and is pinned.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio.run import worker_serve
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config, Sockets
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr, wrap_app

from notifier.web_http1 import Protocols

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
                    self.write,
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
            # Whoever did not acknowledge for long (ETIMEDOUT) is as gone as one that hung up, which
            # is what hypercorn expects here.
            with contextlib.suppress(TimeoutError):
                await self._close()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self.write(event.data)
        elif not isinstance(event, Updated):
            await super().protocol_send(event)
        elif event.idle:
            self._watch()
        else:
            self._was_asked = True
            self._unwatch()

    async def write(self, data: bytes) -> None:
        """As hypercorn does it, without its lock: asyncio (3.11) lets several wait at once."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except (ConnectionError, TimeoutError, RuntimeError):
            await self.protocol.handle(Closed())

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
        try:
            await connection
        except asyncio.CancelledError:
            # It was broken off at the end, which asyncio of Python 3.11 would take for a fault.
            writer.close()

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
