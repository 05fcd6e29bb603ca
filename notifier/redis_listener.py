"""One connection that hears Redis channels: the RESP bytes of a subscriber, and nothing else.

redis-py connects it (passwords, TLS, Unix sockets, names are its business); from then on the
bytes go straight from the transport into hiredis' reader. redis-py's own loop costs about 40 µs
of CPU for a message that comes alone, this a few, and a gateway hears thousands a second.
Nothing here decides what to do about trouble: it calls `lost` and that is all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection

# Channels of one SUBSCRIBE: keeps a single command well under a megabyte.
CHANNELS_PER_COMMAND = 1_000


class RedisListener(asyncio.Protocol):
    """Hears channels on one connection.

    `message(channel, data)` is called for each message, `confirmed(channel)` for each
    subscription that Redis confirmed, `lost(reason)` once when the connection is over.
    None of them may wait or raise.
    """

    def __init__(
        self,
        message: Callable[[bytes, bytes], None],
        confirmed: Callable[[bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        self._message = message
        self._confirmed = confirmed
        self._lost = lost
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        # Kept although its socket is ours: redis-py closes the socket when this is collected.
        self._connection: AbstractConnection | None = None
        # Loop time at which Redis last said anything at all.
        self.heard_at = 0.0

    async def connect(self, connection: AbstractConnection) -> None:
        """Open `connection` and take its socket over.

        Raises redis-py's errors: not reachable, wrong password, loading.
        """
        untyped = cast(Any, connection)
        self._connection = connection
        await untyped.connect()
        # Private in redis-py, and the version is pinned: its public way would be to let its
        # own loop read. At this point every reply of the handshake has been read.
        writer = untyped._writer
        transport = writer.transport
        self._transport = transport
        self.heard_at = asyncio.get_running_loop().time()
        transport.set_protocol(self)

    def subscribe(self, channels: Iterable[bytes]) -> None:
        """Ask for `channels`; each is confirmed later."""
        self._command(b"SUBSCRIBE", list(channels))

    def unsubscribe(self, channels: Iterable[bytes]) -> None:
        """Ask to hear `channels` no more."""
        self._command(b"UNSUBSCRIBE", list(channels))

    def ping(self) -> None:
        """Make Redis say something."""
        self._write(b"*1\r\n$4\r\nPING\r\n")

    def close(self) -> None:
        """End the connection without ceremony; `lost` is not called."""
        self._lost = lambda reason: None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._connection is not None:
            # Private, and what redis-py itself does where it cannot wait.
            cast(Any, self._connection)._close()
            self._connection = None

    def _command(self, name: bytes, channels: list[bytes]) -> None:
        for start in range(0, len(channels), CHANNELS_PER_COMMAND):
            self._write(_packed(name, channels[start : start + CHANNELS_PER_COMMAND]))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        reader = self._reader
        try:
            reader.feed(data)
            reply = reader.gets()
            while reply is not False:
                self._reply(reply)
                reply = reader.gets()
        except hiredis.ProtocolError as error:
            self._over(f"no Redis protocol: {error}")

    def _reply(self, reply: Any) -> None:
        if type(reply) is list and len(reply) == 3:
            kind, channel, data = reply
            if kind == b"message":
                self._message(channel, data)
            elif kind == b"subscribe":
                self._confirmed(channel)
        elif isinstance(reply, hiredis.ReplyError):
            self._over(str(reply))

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(str(exc) if exc else "Redis closed the connection")

    def _over(self, reason: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        lost, self._lost = self._lost, lambda reason: None
        lost(reason)


def _packed(name: bytes, arguments: list[bytes]) -> bytes:
    parts = [b"*%d\r\n$%d\r\n%s\r\n" % (len(arguments) + 1, len(name), name)]
    parts += [b"$%d\r\n%s\r\n" % (len(argument), argument) for argument in arguments]
    return b"".join(parts)
