"""One Redis server as the bus uses it: a connection that hears, one that publishes, a canary.

Each connection is owned by one task. redis-py's own pub/sub reconnects without a word and never
notices a frozen server, so the listener has no retries of its own: silence (`redis_watchdog`) or
any error ends it, a new one subscribes to everything again, and then everybody is behind
(`gap`). A canary that the process publishes and must hear itself catches what nothing else does.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from notifier.audience import Audience
from notifier.pulse import Pulse
from notifier.redis_listener import RedisListener
from notifier.redis_publisher import (
    RETRY_FIRST_SECONDS,
    RETRY_MOST_SECONDS,
    Message,
    RedisPublisher,
    in_words,
)
from notifier.redis_servers import Node, RedisServers
from notifier.redis_subscriptions import Subscriptions
from notifier.redis_watchdog import SILENCE_MAX_SECONDS, Finding, Watchdog

log = structlog.get_logger("notifier.bus")

# Subscribing to everything again after a reconnect, for thousands of channels.
CONFIRM_TIMEOUT_SECONDS = 3.0


class Owner(Protocol):
    """Who is told by a node: the bus. Nothing here may wait or raise."""

    @property
    def heard(self) -> Callable[[Audience, bytes], None]:
        """Called with each message that came in, and its audience."""

    def gap(self) -> None:
        """Messages may have been missed."""

    def lost(self) -> None:
        """The node does not answer: things may live elsewhere now."""

    def moved_away(self, channel: bytes, audience: Audience) -> None:
        """A channel is not here any more, and nobody is subscribed to it now."""

    def undelivered(self, messages: list[Message]) -> None:
        """These did not reach Redis."""

    def misdirected(self, messages: list[Message]) -> None:
        """These belong to another node."""


class RedisNode:
    """Hears and publishes on one server, for as long as it lasts, through every reconnect."""

    def __init__(
        self,
        node: Node,
        servers: RedisServers,
        owner: Owner,
        prefix: bytes,
        counts: Counter[str],
        pulse: Pulse,
    ) -> None:
        self._node = node
        self._servers = servers
        self._owner = owner
        self._counts = counts
        self._pulse = pulse
        self._canary_stem = b"%scanary:%s" % (prefix, secrets.token_hex(8).encode())
        self._canary = b""
        # Not yet, but the time without it counts from now.
        self._canary_heard_at = asyncio.get_running_loop().time()
        self.publisher = RedisPublisher(
            lambda: self._connection("notifier-publisher"),
            sharded=servers.sharded,
            counts=counts,
            undelivered=lambda messages: owner.undelivered(self._without_canary(messages)),
            moved=lambda messages: owner.misdirected(self._without_canary(messages)),
        )
        self.subscriptions = Subscriptions()
        self._listener: RedisListener | None = None
        self._watchdog = Watchdog(pulse.seconds)
        self._lost = asyncio.Event()
        self._lost_reason = ""
        self._trouble = "not connected yet"
        self._task: asyncio.Task[None] | None = None
        self.tried = asyncio.Event()

    def start(self) -> None:
        """Begin; `tried` is set after the first attempt to connect, whatever came of it."""
        self.publisher.start()
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Publish what is queued, for a short time, and give everything back."""
        await self.publisher.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def trouble(self) -> str:
        """What is wrong, in a few words; "" when it works."""
        return self._trouble or self.publisher.trouble

    @property
    def canary_age_seconds(self) -> float:
        """How long ago this process heard itself here."""
        return asyncio.get_running_loop().time() - self._canary_heard_at

    # -- what the listener tells -----------------------------------------------------------

    def _others(self, channel: bytes) -> None:
        if channel == self._canary:
            self._canary_heard_at = asyncio.get_running_loop().time()
            self._watchdog.came_home()

    def _moved(self, what: bytes | int) -> None:
        """A channel has left this node, or those of a slot that we asked for are not here."""
        gone = self.subscriptions.asked_in(what) if isinstance(what, int) else [what]
        for channel in gone:
            audience = self.subscriptions.forget(channel)
            if audience is not None:
                self._owner.moved_away(channel, audience)
            elif channel == self._canary:
                self._on_lost("the canary's slot has moved to another node")

    def _on_lost(self, reason: str) -> None:
        self._lost_reason = reason
        self._lost.set()

    # -- listening -------------------------------------------------------------------------

    async def _connection(self, name: str) -> AbstractConnection:
        return await self._servers.connect(self._node, name)

    async def _listen(self) -> None:
        pause = RETRY_FIRST_SECONDS
        while True:
            self._lost = asyncio.Event()
            self._lost_reason = ""
            try:
                listener = await self._connect()
                self.tried.set()
                pause = RETRY_FIRST_SECONDS
                reason = await self._watch(listener)
            except (RedisError, OSError, TimeoutError) as error:
                reason = in_words(error)
            except Exception as error:
                # A fault of ours or of a library's must not leave this process deaf for good.
                log.exception("bus_fault")
                reason = in_words(error)
            finally:
                self._disconnect()
                self.tried.set()
            self._note_trouble(reason)
            self._owner.lost()
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, RETRY_MOST_SECONDS)

    async def _connect(self) -> RedisListener:
        """A listener that has confirmed every channel; then everybody is behind."""
        listener = RedisListener(
            self.subscriptions.channels,
            self._owner.heard,
            self._others,
            self.subscriptions.confirmed,
            self._moved,
            self._on_lost,
            sharded=self._servers.sharded,
        )
        async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
            listener.take(await self._connection("notifier-listener"))
            self._listener = listener
            self._canary = self._servers.channel_on(self._node, self._canary_stem)
            await self._unless_lost(self.subscriptions.connected(listener, self._canary))
        self._canary_heard_at = asyncio.get_running_loop().time()
        if self._trouble:
            log.info("bus_connected", channels=len(self.subscriptions.channels), **self._named())
        self._trouble = ""
        self._counts["connected"] += 1
        self._owner.gap()
        return listener

    async def _unless_lost(self, confirmed: asyncio.Future[Any]) -> None:
        lost = asyncio.create_task(self._lost.wait())
        try:
            waits: set[asyncio.Future[Any]] = {confirmed, lost}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if self._lost.is_set():
            raise ConnectionError(self._lost_reason)

    def _disconnect(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.subscriptions.disconnected()

    async def _watch(self, listener: RedisListener) -> str:
        """Returns why the connection is over."""
        self._watchdog = Watchdog(self._pulse.seconds)
        stop = self._pulse.each(lambda now: self._beat(listener))
        self._beat(listener)
        try:
            await self._lost.wait()
        finally:
            stop()
        return self._lost_reason

    def _beat(self, listener: RedisListener) -> None:
        """Is the connection as it should be?"""
        publisher = self.publisher
        mute = publisher.full or bool(publisher.trouble)
        finding = self._watchdog.beat(heard=listener.heard, mute=mute)
        listener.heard = False
        if finding is Finding.ASK:
            listener.ping()
        elif finding is Finding.TELL and not publisher.full:
            publisher.publish(self._canary, b"")
        elif finding is Finding.SILENT:
            self._on_lost(f"Redis has been silent for {SILENCE_MAX_SECONDS:.0f} s")
        elif finding is Finding.DEAF:
            # Of two connections to two masters, nobody can say which is the wrong one.
            publisher.doubt()
            self._on_lost("this process does not hear itself on the bus")

    def _note_trouble(self, reason: str) -> None:
        self._counts["disconnected"] += 1
        if reason != self._trouble:
            log.warning("bus_degraded", reason=reason, **self._named())
        self._trouble = reason

    def _named(self) -> dict[str, str]:
        host, port = self._node
        return {"node": f"{host}:{port}"} if host else {}

    def _without_canary(self, messages: list[Message]) -> list[Message]:
        return [message for message in messages if message[0] != self._canary]
