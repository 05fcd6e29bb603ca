"""A bare socket to a server, for what no client would send."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.patience import CEILING_SECONDS

RECEIVE_BYTES = 65_536


@dataclass(frozen=True)
class Reply:
    """One response as it came, its body of the length that it says."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """One connection. `received` is everything that came so far."""

    socket: socket.socket
    received: bytes = b""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    async def send(self, data: bytes) -> bool:
        """Whether the other end took it all."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(CEILING_SECONDS):
                await self._loop.sock_sendall(self.socket, data)
            return True
        return False

    async def more(self) -> bool:
        """Wait for more bytes; False at the end."""
        data = b""
        with contextlib.suppress(ConnectionError):
            data = await self._loop.sock_recv(self.socket, RECEIVE_BYTES)
        self.received += data
        return bool(data)

    async def until(self, text: bytes, within: float = CEILING_SECONDS) -> None:
        """Wait until `text` has come."""
        async with asyncio.timeout(within):
            while text not in self.received:
                assert await self.more(), f"ended after {self.received!r}"

    async def rest(self, within: float = CEILING_SECONDS) -> bytes:
        """All that comes until the other end closes."""
        async with asyncio.timeout(within):
            while await self.more():
                pass
        return self.received

    def half_close(self) -> None:
        # The other end may have answered and ended the connection already.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave without a word: the other end gets an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@asynccontextmanager
async def wire(port: int, *, receive_buffer_bytes: int = 0) -> AsyncIterator[Wire]:
    """A connection to `port`, with a small receive buffer where one is wanted."""
    with socket.socket() as connection:
        connection.setblocking(False)
        if receive_buffer_bytes:
            # Before connecting, or the window has been told already.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        yield Wire(connection)


async def say(
    port: int, data: bytes, *, half_close: bool = False, within: float = CEILING_SECONDS
) -> bytes:
    """Everything that the server answers to `data` until it closes."""
    async with wire(port) as connection:
        await connection.send(data)
        if half_close:
            connection.half_close()
        return await connection.rest(within)


def replies(data: bytes, *, to_head: bool = False) -> list[Reply]:
    """The responses in `data`; fails when one is cut short or longer than it says."""
    found = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end, f"no end of headers in {head!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = first.split(" ")
        assert version == "HTTP/1.1", first
        headers = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and name.lower() not in headers, line
            headers[name.lower()] = value
        length = 0 if to_head else int(headers.get("content-length", "0"))
        assert len(data) >= length, f"{first}: {length} bytes said, {len(data)} sent"
        found.append(Reply(int(status), headers, data[:length]))
        data = data[length:]
    return found
