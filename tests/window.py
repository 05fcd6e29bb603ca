"""A window of a browser that is left open: an EventSource that comes back, and a page's way on
where an EventSource gives up."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import h11

from tests.crowd import Somebody
from tests.event_source import EventSource, Received
from tests.exchange import Exchange

# The standard leaves a browser's own pause to it, "in the region of a few seconds".
USUAL_RETRY_SECONDS = 1.0
# After an answer that ends an EventSource for good, our page opens another with full jitter.
PAGE_RETRY_SECONDS = 1.0
# Streams that a person may open at once in one process, and what a busy kernel accepts in one go.
OPENING_AT_ONCE = 200
OPENING_CEILING_SECONDS = 60.0


class Window:
    """Listens as `who` at `port`, from `cursor` on, until it is closed."""

    def __init__(self, who: Somebody, port: int, cursor: int = 0, *, returns: bool = True) -> None:
        self.who = who
        self.port = port
        self.cursor = cursor
        self.source = EventSource(str(cursor), _id=str(cursor))
        self.events: list[Received] = []
        # Answers that were no stream, and when each stream began (monotonic).
        self.refused: list[int] = []
        self.opened: list[float] = []
        self.ended: list[float] = []
        # A window that does not come back is closed by its person when its stream ends.
        self._returns = returns
        self.live = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None

    def open(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def drop(self) -> None:
        """Its connection is gone at once, as when the network changes."""
        if self._exchange is not None and self._exchange._writer is not None:
            self._exchange._writer.transport.abort()

    @property
    def sequences(self) -> list[int]:
        return [e.notification["sequence"] for e in self.events if "sequence" in e.notification]

    @property
    def messages(self) -> list[tuple[int, str]]:
        """Sequence and text of every message that arrived, in the order of arrival."""
        return [
            (e.notification["sequence"], e.payload["body"])
            for e in self.events
            if e.name == "message"
        ]

    @property
    def shown(self) -> int:
        """The count on the badge."""
        counts = [e.payload for e in self.events if e.name == "unread_message_count"]
        return int(counts[-1]) if counts else 0

    @property
    def surprises(self) -> list[str]:
        """What no window should be told in these tests."""
        known = {"message", "unread_message_count", "ping"}
        return [e.name for e in self.events if e.name not in known]

    async def _listen(self) -> None:
        while True:
            pause = await self._once()
            self.live.clear()
            self.ended.append(time.monotonic())
            if not self._returns:
                return
            await asyncio.sleep(pause)

    async def _once(self) -> float:
        """One connection, from its beginning to its end; the pause before the next."""
        self._exchange = Exchange(self.port)
        try:
            head = await self._exchange.open("GET", "/stream", self._headers())
            if head.status_code != 200:
                self.refused.append(head.status_code)
                return random.uniform(0, PAGE_RETRY_SECONDS)
            self.source = self.source.again()
            self.opened.append(time.monotonic())
            async for chunk in self._exchange.chunks():
                self.events += self.source.feed(chunk)
                self.live.set()
        except (OSError, h11.RemoteProtocolError):
            # What a browser calls a network error: it comes back.
            pass
        finally:
            self._exchange.close()
        if self.source.retry_milliseconds is None:
            return USUAL_RETRY_SECONDS
        return self.source.retry_milliseconds / 1000

    def _headers(self) -> Iterable[tuple[str, str]]:
        return [
            ("Host", f"127.0.0.1:{self.port}"),
            ("Accept", "text/event-stream"),
            ("Cookie", self.who.cookie),
            ("Last-Event-ID", self.source.last_event_id),
        ]


@asynccontextmanager
async def windows(
    people: Iterable[Somebody], ports: list[int], each: int = 1, *, returns: bool = True
) -> AsyncIterator[list[Window]]:
    """`each` windows of everybody on every port, all live, closed at the end."""
    opened = [
        Window(who, port, returns=returns) for who in people for port in ports for _ in range(each)
    ]
    try:
        for start in range(0, len(opened), OPENING_AT_ONCE):
            some = opened[start : start + OPENING_AT_ONCE]
            for window in some:
                window.open()
            async with asyncio.timeout(OPENING_CEILING_SECONDS):
                await asyncio.gather(*(window.live.wait() for window in some))
        yield opened
    finally:
        await asyncio.gather(*(window.close() for window in opened))
