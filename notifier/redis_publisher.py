"""One connection that publishes: a queue, and the task that empties it. Nobody waits for it.

What cannot be published is handed back and not kept: the notifications table has it, and a
doorbell that rings late rings for nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AskError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from notifier.redis_addresses import closed, closing_is_an_error
from notifier.redis_listener import packed

log = structlog.get_logger("notifier.bus")

# Pauses between attempts to connect; the last one is short enough that a Redis which is back
# is used within the five seconds that an operator is promised.
RETRY_FIRST_SECONDS = 0.1
RETRY_MOST_SECONDS = 2.0
# Messages that wait. Beyond it the oldest are handed back.
QUEUE_MOST = 10_000
PIPELINE_MOST = 500
# What is still queued when the process stops gets this long.
STOP_SECONDS = 2.0

Message = tuple[bytes, bytes]


class RedisPublisher:
    """Publishes to one server, in the order of `publish`.

    `undelivered` gets what did not reach Redis, `moved` what now belongs to another node.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AbstractConnection]],
        *,
        sharded: bool,
        counts: Counter[str],
        undelivered: Callable[[list[Message]], None],
        moved: Callable[[list[Message]], None],
    ) -> None:
        self._connect = connect
        self._command = b"SPUBLISH" if sharded else b"PUBLISH"
        self._counts = counts
        self._undelivered = undelivered
        self._moved = moved
        self._connection: Any = None
        self._answer_seconds: float | None = None
        self._doubted = False
        self._queue: deque[Message] = deque()
        self._queued = asyncio.Event()
        self._all_published = asyncio.Event()
        self._all_published.set()
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""

    def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._publish_queued())

    async def stop(self) -> None:
        """Publish what is queued, for a short time and if there is hope, and end."""
        if not self.trouble:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._all_published.wait()
            except TimeoutError:
                log.warning("bus_stopped_with_messages_queued", messages=len(self._queue))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._disconnect()

    def publish(self, channel: bytes, message: bytes) -> None:
        """Queue a message; never waits, never raises."""
        if self.full:
            self._undelivered([self._queue.popleft()])
        self._queue.append((channel, message))
        self._queued.set()
        self._all_published.clear()

    @property
    def full(self) -> bool:
        return len(self._queue) >= QUEUE_MOST

    @property
    def waiting(self) -> int:
        """How many messages are queued."""
        return len(self._queue)

    def take(self) -> list[Message]:
        """What is queued, which is then somebody else's to publish."""
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def doubt(self) -> None:
        """Take a new connection for the next message: this one may lead to the wrong server."""
        self._doubted = True

    async def _publish_queued(self) -> None:
        pause = RETRY_FIRST_SECONDS
        while True:
            await self._queued.wait()
            # What is published in this turn of the loop goes together, and so does what comes
            # while a trip is under way. No pause beside that: up to a millisecond between trips
            # spared wake-ups at thousands a second, and was most of how late an event could be.
            await asyncio.sleep(0)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), PIPELINE_MOST))]
            if not self._queue:
                self._queued.clear()
            try:
                moved = await self._publish_batch(batch) if batch else []
            except Exception as error:
                # Also what nobody foresaw: this task must not leave its process mute for good.
                self._undelivered(batch)
                reason = in_words(error)
                if not isinstance(error, RedisError | OSError | TimeoutError):
                    log.exception("bus_fault")
                elif reason != self.trouble:
                    log.warning("bus_publish_failed", reason=reason)
                self.trouble = reason
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_MOST_SECONDS)
            else:
                self.trouble, pause = "", RETRY_FIRST_SECONDS
                self._counts["published"] += len(batch) - len(moved)
                if moved:
                    self._moved(moved)
            if not self._queue:
                self._all_published.set()

    async def _publish_batch(self, batch: list[Message]) -> list[Message]:
        """What belongs elsewhere. Once more on a new connection when the old one was dead."""
        if self._doubted:
            self._disconnect()
        if self._connection is not None:
            try:
                return await self._exchange(batch)
            except (RedisConnectionError, OSError):
                self._disconnect()
        connection: Any = await self._connect()
        # redis-py would set a timer for each reply, and start a task to write: a third of what
        # a message costs. One time limit holds for the exchange instead.
        self._answer_seconds, connection.socket_timeout = connection.socket_timeout, None
        self._connection = connection
        return await self._exchange(batch)

    async def _exchange(self, batch: list[Message]) -> list[Message]:
        connection = self._connection
        moved, refused = [], None
        try:
            commands = [packed(self._command, message) for message in batch]
            async with asyncio.timeout(self._answer_seconds):
                with closing_is_an_error():
                    await connection.send_packed_command(commands, check_health=False)
                for message in batch:
                    try:
                        await connection.read_response()
                    except AskError:
                        moved.append(message)
                    except ResponseError as error:
                        refused = error
        except TimeoutError as error:
            self._disconnect()
            raise RedisTimeoutError(
                f"Redis did not answer within {self._answer_seconds} s"
            ) from error
        except BaseException:
            # In the middle of an exchange: its next reply would answer another question.
            self._disconnect()
            raise
        if refused is not None:
            raise refused
        return moved

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._doubted = False
        if connection is not None:
            closed(connection)


def in_words(error: Exception) -> str:
    """The kind of trouble without what changes from one attempt to the next."""
    text = str(error) or type(error).__name__
    return text.splitlines()[0][:200]
