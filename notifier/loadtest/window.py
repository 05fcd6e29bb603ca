"""One open window: its stream, which comes back with its cursor as a browser's does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Protocol
from urllib.parse import urlsplit

import orjson

from notifier.loadtest.exchange import Exchange, Place
from notifier.loadtest.tally import Seen, Tally

# What a browser waits when a stream did not say how long, and when there was no stream at all.
USUAL_RETRY_SECONDS = 2.0
# What the stream says instead of going on.
REFUSALS = {"too_many", "reset", "signed_out"}
OPEN_SECONDS = 60.0


class WhoseNumber(Protocol):
    """Tells the number of one of this run's messages by its text."""

    def __call__(self, body: object) -> int | None: ...


class Window:
    """Listens until it is cancelled."""

    def __init__(
        self, place: Place, url: str, cookie: str, seen: Seen, tally: Tally, known: WhoseNumber
    ) -> None:
        parts = urlsplit(url)
        self._path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._place = place
        self._cookie = cookie
        self._seen = seen
        self._tally = tally
        self._known = known
        self._retry_seconds = USUAL_RETRY_SECONDS
        # Set once the first stream is answered, whatever with.
        self.answered = asyncio.Event()

    async def listen(self) -> None:
        """One stream after the other."""
        while True:
            refused = await self._once()
            self.answered.set()
            if refused:
                self._tally.refused[refused] += 1
            await asyncio.sleep(self._retry_seconds * random.uniform(0.5, 1))
            self._tally.reconnects += 1

    async def _once(self) -> str:
        """One stream to its end; why it was refused, "" when it was not."""
        exchange = Exchange(self._place)
        headers = {
            "Cookie": self._cookie,
            "Accept": "text/event-stream",
            "Last-Event-ID": str(self._seen.newest),
        }
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                answer, pieces = await exchange.begin("GET", self._path, headers)
            if answer.status != 200:
                return f"stream: status {answer.status}"
            return await self._read(pieces)
        except (OSError, TimeoutError) as error:
            if self.answered.is_set():
                # A network error in mid-stream: a browser comes back, and nothing may be lost.
                return ""
            return f"stream: {type(error).__name__}"
        finally:
            await exchange.close()

    async def _read(self, pieces: AsyncIterator[bytes]) -> str:
        rest = b""
        async for piece in pieces:
            now = perf_counter()
            *frames, rest = (rest + piece).split(b"\n\n")
            for frame in frames:
                if refused := self._frame(frame, now):
                    return refused
            self.answered.set()
        return ""

    def _frame(self, frame: bytes, now: float) -> str:
        fields: dict[bytes, bytes] = {}
        for line in frame.split(b"\n"):
            name, _, value = line.partition(b": ")
            fields[name] = value
        if b"retry" in fields:
            self._retry_seconds = int(fields[b"retry"]) / 1000
        event = fields.get(b"event", b"").decode()
        if event in REFUSALS:
            return f"stream: {event}"
        if b"id" in fields and event and self._seen.event(int(fields[b"id"])):
            self._event(event, fields.get(b"data", b""), now)
        return ""

    def _event(self, event: str, data: bytes, now: float) -> None:
        if event != "message":
            return
        number = self._known(orjson.loads(data)["data"].get("body"))
        if number is not None:
            self._seen.arrivals[number] = now
