"""The bus of many processes: each recipient is a Redis channel.

Two connections, each with one task that owns it: one listens, one publishes. redis-py's own
pub/sub reconnects without a word and never notices a frozen server, so the listener has no
retries of its own: silence for three seconds or any error ends it, a new one subscribes to
everything again, and then everybody is behind (`gap`). A canary that the process publishes and
must hear itself catches what nothing else does.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter, deque
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from notifier.bus import Receiver
from notifier.redis_listener import RedisListener

log = structlog.get_logger("notifier.bus")

# How often the listener is asked for a sign of life, and after what silence it is dead.
PING_SECONDS = 1.0
SILENCE_MAX_SECONDS = 3.0
# Pauses between attempts to connect; the last one is short enough that a Redis which is back
# is heard within the five seconds that an operator is promised.
RETRY_FIRST_SECONDS = 0.1
RETRY_MOST_SECONDS = 2.0
# A Redis that does not answer within this is not waited for; reconcile delivers instead.
COMMAND_TIMEOUT_SECONDS = 1.0
# Subscribing to everything again after a reconnect, for thousands of channels.
CONFIRM_TIMEOUT_SECONDS = 3.0
# Messages that wait for the publisher. Beyond it the oldest are given to this process's own
# streams and left to reconcile in the others.
QUEUE_MOST = 10_000
PIPELINE_MOST = 500
# What is still queued when the process stops gets this long.
STOP_SECONDS = 2.0


class RedisBus:
    """Carries each recipient's messages through one Redis."""

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = f"{prefix}:".encode()
        self._canary = b"%scanary:%s" % (self._prefix, secrets.token_hex(8).encode())
        self._listening: Any = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
            socket_timeout=COMMAND_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            client_name="notifier-listener",
        )
        self._publishing: Redis = Redis(
            connection_pool=BlockingConnectionPool.from_url(
                url,
                protocol=2,
                max_connections=2,
                timeout=COMMAND_TIMEOUT_SECONDS,
                socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
                socket_timeout=COMMAND_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 1),
                client_name="notifier-publisher",
            )
        )
        self._receiver: Receiver | None = None
        self._listener: RedisListener | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._lost_reason = ""
        # Recipient by channel, and the subscriptions that Redis has not confirmed yet.
        self._channels: dict[bytes, int] = {}
        self._unconfirmed: dict[bytes, asyncio.Future[None]] = {}
        self._to_subscribe: list[bytes] = []
        self._to_unsubscribe: list[bytes] = []
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._queued = asyncio.Event()
        self._all_published = asyncio.Event()
        self._all_published.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._counts: Counter[str] = Counter()
        self._canary_heard_at = 0.0
        self._listen_trouble = "not connected yet"
        self._publish_trouble = ""

    # -- the Bus protocol ------------------------------------------------------------------

    async def start(self, receiver: Receiver) -> None:
        """Begin; waits for a first attempt to connect, but not for it to succeed."""
        self._receiver = receiver
        first_attempt = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._listen(first_attempt)),
            asyncio.create_task(self._publish_queued()),
        ]
        await first_attempt.wait()

    async def stop(self) -> None:
        if not self._publish_trouble:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._all_published.wait()
            except TimeoutError:
                log.warning("bus_stopped_with_messages_queued", messages=len(self._queue))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._receiver = None
        await self._listening.aclose()
        await self._publishing.aclose(close_connection_pool=True)

    def publish(self, recipient_id: int, message: bytes) -> None:
        if len(self._queue) >= QUEUE_MOST:
            self._give_up([self._queue.popleft()])
        self._enqueue(self._channel(recipient_id), message)

    def subscribe(self, recipient_id: int) -> asyncio.Future[None] | None:
        channel = self._channel(recipient_id)
        if channel in self._channels:
            return self._unconfirmed.get(channel)
        self._channels[channel] = recipient_id
        if self._listener is None:
            # The reconnect subscribes to it, and then everybody is behind.
            return None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._unconfirmed[channel] = future
        # Subscriptions of one turn of the loop go out as one command.
        if not self._to_subscribe and not self._to_unsubscribe:
            loop.call_soon(self._send_subscriptions)
        self._to_subscribe.append(channel)
        return future

    def unsubscribe(self, recipient_id: int) -> None:
        channel = self._channel(recipient_id)
        if self._channels.pop(channel, None) is None or self._listener is None:
            return
        self._confirm(channel)
        if not self._to_subscribe and not self._to_unsubscribe:
            asyncio.get_running_loop().call_soon(self._send_subscriptions)
        self._to_unsubscribe.append(channel)

    @property
    def trouble(self) -> str:
        return self._listen_trouble or self._publish_trouble

    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    # -- listening -------------------------------------------------------------------------

    def _channel(self, recipient_id: int) -> bytes:
        return b"%s%d" % (self._prefix, recipient_id)

    def _send_subscriptions(self) -> None:
        subscribe, self._to_subscribe = self._to_subscribe, []
        unsubscribe, self._to_unsubscribe = self._to_unsubscribe, []
        if self._listener is None:
            return
        # A channel may have been left and joined again within the turn: what holds is `_channels`.
        if gone := [channel for channel in unsubscribe if channel not in self._channels]:
            self._listener.unsubscribe(gone)
        if wanted := [channel for channel in subscribe if channel in self._channels]:
            self._listener.subscribe(wanted)

    def _message(self, channel: bytes, data: bytes) -> None:
        recipient_id = self._channels.get(channel)
        if recipient_id is not None and self._receiver is not None:
            self._receiver.received(recipient_id, data)
        elif channel == self._canary:
            self._canary_heard_at = asyncio.get_running_loop().time()

    def _confirm(self, channel: bytes) -> None:
        future = self._unconfirmed.pop(channel, None)
        if future is not None and not future.done():
            future.set_result(None)

    def _on_lost(self, reason: str) -> None:
        self._lost_reason = reason
        self._lost.set()

    async def _listen(self, first_attempt: asyncio.Event) -> None:
        pause = RETRY_FIRST_SECONDS
        while True:
            self._lost = asyncio.Event()
            self._lost_reason = ""
            try:
                listener = await self._connect()
                first_attempt.set()
                pause = RETRY_FIRST_SECONDS
                reason = await self._watch(listener)
            except (RedisError, OSError, TimeoutError) as error:
                reason = _in_words(error)
            finally:
                self._disconnect()
                first_attempt.set()
            self._note_trouble(reason)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, RETRY_MOST_SECONDS)

    async def _connect(self) -> RedisListener:
        """A listener that has confirmed every channel; then everybody is behind."""
        listener = RedisListener(self._message, self._confirm, self._on_lost)
        self._listener = listener
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
            await listener.connect(self._listening.make_connection())
            for channel in (self._canary, *self._channels):
                self._unconfirmed.setdefault(channel, loop.create_future())
            confirmed = asyncio.gather(*self._unconfirmed.values())
            listener.subscribe(list(self._unconfirmed))
            lost = asyncio.create_task(self._lost.wait())
            try:
                waits: set[asyncio.Future[Any]] = {confirmed, lost}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                lost.cancel()
        if self._lost.is_set():
            raise ConnectionError(self._lost_reason)
        self._canary_heard_at = loop.time()
        if self._listen_trouble:
            log.info("bus_connected", channels=len(self._channels))
        self._listen_trouble = ""
        self._counts["connected"] += 1
        if self._receiver is not None:
            self._receiver.gap()
        return listener

    def _disconnect(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        # Who waits for a confirmation goes on: the reconnect makes everybody behind.
        for channel in list(self._unconfirmed):
            self._confirm(channel)

    async def _watch(self, listener: RedisListener) -> str:
        """Returns why the connection is over."""
        loop = asyncio.get_running_loop()
        while True:
            listener.ping()
            if len(self._queue) < QUEUE_MOST:
                self._enqueue(self._canary, b"")
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._lost.wait()
                return self._lost_reason
            except TimeoutError:
                pass
            now = loop.time()
            if now - listener.heard_at > SILENCE_MAX_SECONDS:
                return f"Redis has been silent for {SILENCE_MAX_SECONDS:.0f} s"
            if now - self._canary_heard_at > SILENCE_MAX_SECONDS and not self._publish_trouble:
                return "this process does not hear itself on the bus"

    def _note_trouble(self, reason: str) -> None:
        self._counts["disconnected"] += 1
        if reason != self._listen_trouble:
            log.warning("bus_degraded", reason=reason)
        self._listen_trouble = reason

    # -- publishing ------------------------------------------------------------------------

    def _enqueue(self, channel: bytes, message: bytes) -> None:
        self._queue.append((channel, message))
        self._queued.set()
        self._all_published.clear()

    async def _publish_queued(self) -> None:
        pause = RETRY_FIRST_SECONDS
        while True:
            await self._queued.wait()
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), PIPELINE_MOST))]
            if not self._queue:
                self._queued.clear()
            try:
                await self._publish_batch(batch)
            except (RedisError, OSError, TimeoutError) as error:
                self._give_up(batch)
                reason = _in_words(error)
                if reason != self._publish_trouble:
                    log.warning("bus_publish_failed", reason=reason)
                self._publish_trouble = reason
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_MOST_SECONDS)
            else:
                self._publish_trouble, pause = "", RETRY_FIRST_SECONDS
                self._counts["published"] += len(batch)
            if not self._queue:
                self._all_published.set()

    async def _publish_batch(self, batch: list[tuple[bytes, bytes]]) -> None:
        if len(batch) == 1:
            await self._publishing.publish(*batch[0])
            return
        pipeline = self._publishing.pipeline(transaction=False)
        for channel, message in batch:
            pipeline.publish(channel, message)
        await pipeline.execute()

    def _give_up(self, batch: list[tuple[bytes, bytes]]) -> None:
        """These did not reach Redis: this process's own streams hear them all the same."""
        for channel, message in batch:
            if channel != self._canary:
                self._counts["publish_failed"] += 1
                self._message(channel, message)


def _in_words(error: Exception) -> str:
    """The kind of trouble without what changes from one attempt to the next."""
    text = str(error) or type(error).__name__
    return text.splitlines()[0][:200]
