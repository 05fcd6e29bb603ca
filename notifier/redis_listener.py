"""One connection that hears Redis channels: the RESP bytes of a subscriber, and nothing else.

redis-py has connected it (passwords, TLS, Unix sockets, names are its business); from then on the
bytes go straight from the transport into hiredis' reader. redis-py's own loop costs about 40 µs
of CPU for a message that comes alone, this a few, and a gateway hears thousands a second.
Nothing here decides what to do about trouble: it calls `lost` and that is all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection

from notifier.audience import Audience
from notifier.redis_addresses import closed

# Channels of one SUBSCRIBE: keeps a single command well under a megabyte.
CHANNELS_PER_COMMAND = 1_000


class RedisListener(asyncio.Protocol):
    """Hears channels on one connection; `sharded` for a cluster's, which are each on a node.

    `channels` tells at any time whose each channel is. `message(audience, data)` is called for
    each message, `others(channel)` for one on a channel that is nobody's, `confirmed(channel)`
    for each subscription that Redis confirmed, `moved(what)` when a channel (or, as a number, the
    slot of some that were asked for) is heard on another node from now on, and `lost(reason)` once
    when the connection is over. None of them may wait or raise.
    """

    def __init__(
        self,
        channels: Mapping[bytes, Audience],
        message: Callable[[Audience, bytes], None],
        others: Callable[[bytes], None],
        confirmed: Callable[[bytes], None],
        moved: Callable[[bytes | int], None],
        lost: Callable[[str], None],
        *,
        sharded: bool = False,
    ) -> None:
        self._channels = channels
        self._message = message
        self._others = others
        self._confirmed = confirmed
        self._moved = moved
        self._lost = lost
        self._subscribe, self._unsubscribe = b"SUBSCRIBE", b"UNSUBSCRIBE"
        self._kind, self._kind_confirmed = b"message", b"subscribe"
        # A channel of one command must be in the slot of the others.
        self._most_per_command = CHANNELS_PER_COMMAND
        if sharded:
            self._subscribe, self._unsubscribe = b"SSUBSCRIBE", b"SUNSUBSCRIBE"
            self._kind, self._kind_confirmed = b"smessage", b"ssubscribe"
            self._most_per_command = 1
        # What we left ourselves: its `sunsubscribe` is no news.
        self._leaving: set[bytes] = set()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        # Kept although its socket is ours: redis-py closes the socket when this is collected.
        self._connection: AbstractConnection | None = None
        # Redis has said something, whatever it was, since somebody last set this to False.
        self.heard = True

    def take(self, connection: AbstractConnection) -> None:
        """Take over the socket of an open connection."""
        self._connection = connection
        # Private in redis-py, and the version is pinned: its public way would be to let its
        # own loop read. At this point every reply of the handshake has been read.
        writer = cast(Any, connection)._writer
        transport = writer.transport
        self._transport = transport
        transport.set_protocol(self)

    def subscribe(self, channels: Iterable[bytes]) -> None:
        """Ask for `channels`; each is confirmed later."""
        self._command(self._subscribe, list(channels))

    def unsubscribe(self, channels: Iterable[bytes]) -> None:
        """Ask to hear `channels` no more."""
        gone = list(channels)
        if self._most_per_command == 1:
            self._leaving.update(gone)
        self._command(self._unsubscribe, gone)

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
            closed(self._connection)
            self._connection = None

    def _command(self, name: bytes, channels: list[bytes]) -> None:
        most = self._most_per_command
        commands = [
            packed(name, channels[start : start + most]) for start in range(0, len(channels), most)
        ]
        self._write(b"".join(commands))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.heard = True
        # Of thousands a second nearly all are messages on a channel of ours, and mostly one wakes
        # this process: each step counts (docs/bench/profile.md). Not four names in one line, for
        # which CPython (3.11 to 3.13) makes a tuple; and what is called on `self` and is no method
        # of it would be looked for by name.
        reader, kind = self._reader, self._kind
        channels, tell = self._channels, self._message
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                try:
                    what, channel, message = reply
                    audience = channels[channel]
                except (TypeError, ValueError, KeyError):
                    self._reply(reply)
                    continue
                if what == kind:
                    tell(audience, message)
                else:
                    self._reply(reply)
        except hiredis.ProtocolError as error:
            self._over(f"no Redis protocol: {error}")

    def _reply(self, reply: Any) -> None:
        """Whatever is no message on a channel of ours."""
        if type(reply) is list and len(reply) == 3:
            kind, channel, _ = reply
            if kind == self._kind_confirmed:
                self._confirmed(channel)
            elif kind == self._kind:
                self._others(channel)
            elif kind == b"sunsubscribe":
                self._left(channel)
        elif isinstance(reply, hiredis.ReplyError):
            self._refused(str(reply))

    def _left(self, channel: bytes) -> None:
        """Redis 7 says it unasked too: the slot has gone to another node."""
        if channel in self._leaving:
            self._leaving.discard(channel)
        else:
            self._moved(channel)

    def _refused(self, reason: str) -> None:
        word, _, rest = reason.partition(" ")
        if word == "MOVED":
            self._moved(int(rest.split()[0]))
        else:
            self._over(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(str(exc) if exc else "Redis closed the connection")

    def _over(self, reason: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        lost, self._lost = self._lost, lambda reason: None
        lost(reason)


def packed(name: bytes, arguments: Iterable[bytes]) -> bytes:
    """A command as Redis reads it."""
    parts = [b"$%d\r\n%s\r\n" % (len(part), part) for part in (name, *arguments)]
    return b"*%d\r\n%s" % (len(parts), b"".join(parts))
