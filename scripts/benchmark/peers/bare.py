"""The least that Python can do: a protocol on uvloop that writes what Redis says to one socket.

Nobody would use it: it signs nobody in, keeps no cursor, sends no heartbeat, counts nothing,
parses nothing and survives no fault. It is here to tell how much of a figure is the machine, the
loop and a Redis channel for each person, and how much is what Notifier does.

    python -m benchmark.peers.bare PROCESSES
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from typing import cast

import hiredis
import uvloop

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"
    b"retry: 2750\n\n"
)
READY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nready"
BACKLOG = 4_096
# As Notifier gathers its subscriptions.
GATHER_SECONDS = 0.01


class Listener(asyncio.Protocol):
    """Redis, and the streams by channel."""

    def __init__(self) -> None:
        self.streams: dict[bytes, asyncio.Transport] = {}
        self._reader = hiredis.Reader()
        self._asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def subscribe(self, channel: bytes) -> None:
        if not self._asked:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._ask)
        self._asked.append(channel)

    def _ask(self) -> None:
        self._transport.write(b"SUBSCRIBE %s\r\n" % b" ".join(self._asked))
        self._asked = []

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if reply[0] == b"message" and (stream := self.streams.get(reply[1])) is not None:
                stream.write(b"event: benchmark\ndata: %s\n\n" % reply[2])


class Stream(asyncio.Protocol):
    """A browser that asks for `/stream/<person>` in one piece."""

    __slots__ = ("_channel", "_listener", "_transport")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._channel = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        if path == b"/ready":
            self._transport.write(READY)
            self._transport.close()
            return
        self._channel = b"benchmark:" + path.rpartition(b"/")[2]
        if self._channel not in self._listener.streams:
            self._listener.subscribe(self._channel)
        self._listener.streams[self._channel] = self._transport
        self._transport.write(HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.streams.pop(self._channel, None)


async def serve(port: int, redis_socket: str) -> None:
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_unix_connection(Listener, redis_socket)
    shared = socket.socket()
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind(("127.0.0.1", port))
    await loop.create_server(lambda: Stream(listener), sock=shared, backlog=BACKLOG)
    gc.freeze()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


def main() -> None:
    children: list[int] = []
    for _ in range(1, int(sys.argv[1])):
        if not (child := os.fork()):
            # Those before it are its siblings, and not its to end.
            children = []
            break
        children.append(child)
    try:
        uvloop.run(serve(int(os.environ["BENCH_PORT"]), os.environ["BENCH_REDIS_SOCKET"]))
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    main()
