"""What one node is asked for: its channels, and which of them Redis has confirmed.

Plain calls on one event loop; the connection comes and goes, the channels stay.
"""

from __future__ import annotations

import asyncio

from redis.crc import key_slot

from notifier.audience import Audience
from notifier.redis_listener import RedisListener

# How long a subscription waits for others, unless somebody has them sent before (`send`): a trip
# to Redis and back costs more than what it asks for.
GATHER_SECONDS = 0.01


class Subscriptions:
    """The channels of one node, through every reconnect."""

    def __init__(self) -> None:
        # Audience by channel: what holds, whatever Redis has heard of it by now.
        self.channels: dict[bytes, Audience] = {}
        self._unconfirmed: dict[bytes, asyncio.Future[float]] = {}
        self._to_subscribe: list[bytes] = []
        self._to_unsubscribe: list[bytes] = []
        self._sending: asyncio.TimerHandle | None = None
        self._listener: RedisListener | None = None
        # Kept, because Python 3.11 asks the kernel which process this is whenever it is asked.
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, channel: bytes, audience: Audience) -> asyncio.Future[float] | None:
        """As `Bus.subscribe`."""
        known = channel in self.channels
        self.channels[channel] = audience
        if known:
            return self._unconfirmed.get(channel)
        if self._listener is None or self._loop is None:
            # The reconnect subscribes to it, and then everybody is behind.
            return None
        future: asyncio.Future[float] = self._loop.create_future()
        self._unconfirmed[channel] = future
        self._soon(self._to_subscribe, channel)
        return future

    def remove(self, channel: bytes) -> None:
        """As `Bus.unsubscribe`; harmless when it was not subscribed to."""
        if self.forget(channel) is not None and self._listener is not None:
            self._soon(self._to_unsubscribe, channel)

    def forget(self, channel: bytes) -> Audience | None:
        """It is not here any more; whose it was. Who waits for it waits no longer."""
        self.confirmed(channel)
        return self.channels.pop(channel, None)

    def confirmed(self, channel: bytes) -> None:
        """Redis said so."""
        future = self._unconfirmed.pop(channel, None)
        if future is not None and not future.done():
            future.set_result(future.get_loop().time())

    def asked_in(self, slot: int) -> list[bytes]:
        """The channels of a cluster's slot that wait for their confirmation."""
        return [channel for channel in self._unconfirmed if key_slot(channel) == slot]

    def connected(self, listener: RedisListener, canary: bytes) -> asyncio.Future[list[float]]:
        """Ask `listener` for everything; done when everything is confirmed."""
        self._listener = listener
        self._loop = loop = asyncio.get_running_loop()
        for channel in (canary, *self.channels):
            self._unconfirmed.setdefault(channel, loop.create_future())
        listener.subscribe(list(self._unconfirmed))
        return asyncio.gather(*self._unconfirmed.values())

    def disconnected(self) -> None:
        """Who waits for a confirmation goes on: the reconnect makes everybody behind."""
        self._listener = None
        for channel in list(self._unconfirmed):
            self.confirmed(channel)

    def _soon(self, waiting: list[bytes], channel: bytes) -> None:
        # Subscriptions that come together go out as one command.
        if self._sending is None:
            loop = asyncio.get_running_loop()
            self._sending = loop.call_later(GATHER_SECONDS, self._send)
        waiting.append(channel)

    def send(self) -> asyncio.Future[float] | None:
        """Ask now for what waits to be asked for.

        The future is done when everything so far is confirmed, for Redis answers in order; None
        when it is already.
        """
        if self._sending is not None:
            self._sending.cancel()
            self._send()
        return next(reversed(self._unconfirmed.values()), None)

    def _send(self) -> None:
        self._sending = None
        subscribe, self._to_subscribe = self._to_subscribe, []
        unsubscribe, self._to_unsubscribe = self._to_unsubscribe, []
        if self._listener is None:
            return
        # A channel may have been left and joined again within the turn: what holds is `channels`.
        if gone := [channel for channel in unsubscribe if channel not in self.channels]:
            self._listener.unsubscribe(gone)
        if wanted := [channel for channel in subscribe if channel in self.channels]:
            self._listener.subscribe(wanted)
