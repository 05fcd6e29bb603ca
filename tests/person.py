"""A person at a browser without a screen: cookies, forms and a stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

import h11

from tests.event_source import EventSource, Received
from tests.exchange import Answer, Exchange, request
from tests.patience import CEILING_SECONDS

PASSWORD = "correct horse 9"


class Person:
    """Who talks to the server on `port`; signed in once `sign_in` has been answered."""

    def __init__(self, port: int, username: str = "", password: str = PASSWORD) -> None:
        self.port = port
        self.username = username
        self.password = password
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        fields: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """One request as a browser on our own pages sends it; `headers` overrule, None removes."""
        sent: dict[str, str | None] = {**self._usual_headers()}
        if fields is not None:
            body = urlencode(fields).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        kept = [(name, value) for name, value in sent.items() if value is not None]
        answer = await request(self.port, method, path, kept, body)
        self._take_cookies(answer)
        return answer

    async def submit(self, path: str, **fields: str | bytes) -> Answer:
        """Open the page, fill in its form, send it."""
        hidden = _HiddenFields()
        hidden.feed((await self.get(path)).text)
        return await self.request("POST", path, fields={**hidden.fields, **fields})

    async def register(self) -> Answer:
        return await self.submit(
            "/register",
            username=self.username,
            email=f"{self.username}@example.org",
            password=self.password,
            confirm_password=self.password,
        )

    async def sign_in(self, **fields: str) -> Answer:
        return await self.submit("/login", username=self.username, password=self.password, **fields)

    async def sign_out(self) -> Answer:
        return await self.submit("/logout")

    async def send(self, recipient: Person, text: str) -> Answer:
        path = f"/send_message/{quote(recipient.username)}"
        return await self.request("POST", path, fields={"message": text})

    async def notifications(self, query: str = "since=0") -> list[dict[str, Any]]:
        answer = await self.get(f"/notifications?{query}")
        assert answer.status == 200, answer.text
        rows = answer.json
        assert isinstance(rows, list)
        return rows

    async def unread(self) -> int:
        """The count as the notifications tell it."""
        counts = [
            row["data"]
            for row in await self.notifications()
            if row["name"] == "unread_message_count"
        ]
        return int(counts[-1]) if counts else 0

    @asynccontextmanager
    async def stream(self, last_event_id: int | str | None = 0) -> AsyncIterator[Stream]:
        """An open `GET /stream`, from the cursor that a page would have had before anything came.

        With None it begins with the present state, as a program's stream may.
        """
        headers = self._usual_headers() | {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        stream = Stream(self.port)
        try:
            await stream.open(headers)
            yield stream
        finally:
            await stream.close()

    def _usual_headers(self) -> dict[str, str]:
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Sec-Fetch-Site": "same-origin",
        }
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return headers

    def _take_cookies(self, answer: Answer) -> None:
        for key, value in answer.headers:
            if key != "set-cookie":
                continue
            name, _, content = value.split(";")[0].partition("=")
            if content:
                self.cookies[name] = content
            else:
                self.cookies.pop(name, None)


class Stream:
    """One open stream and every event that it has brought."""

    def __init__(self, port: int) -> None:
        self.events: list[Received] = []
        self.source = EventSource()
        self.ended = False
        self._exchange = Exchange(port)
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def open(self, headers: Mapping[str, str], path: str = "/stream") -> None:
        async with asyncio.timeout(CEILING_SECONDS):
            head = await self._exchange.open("GET", path, list(headers.items()))
        self.status = head.status_code
        self.headers = {key.decode(): value.decode() for key, value in head.headers}
        self._reading = asyncio.create_task(self._read())

    async def event(
        self,
        test: Callable[[Received], bool],
        what: str = "the event",
        within: float = CEILING_SECONDS,
    ) -> Received:
        """The newest event for which `test` holds, now or soon."""

        def hit() -> Received | None:
            return next((event for event in reversed(self.events) if test(event)), None)

        await self._until(lambda: hit() is not None, what, within)
        found = hit()
        assert found is not None
        return found

    async def named(self, name: str, within: float = CEILING_SECONDS) -> Received:
        return await self.event(lambda event: event.name == name, f"an event {name}", within)

    async def count(self, number: int, within: float = CEILING_SECONDS) -> Received:
        """The event that sets the badge to `number`."""
        return await self.event(
            lambda e: e.name == "unread_message_count" and e.payload == number,
            f"the count {number}",
            within,
        )

    async def end(self, within: float = CEILING_SECONDS) -> None:
        """Wait for the server to end the stream."""
        await self._until(lambda: self.ended, "the end of the stream", within)

    @property
    def sequences(self) -> list[int]:
        return [e.notification["sequence"] for e in self.events if "sequence" in e.notification]

    @property
    def texts(self) -> list[str]:
        """The messages that arrived, in order."""
        return [event.payload["body"] for event in self.events if event.name == "message"]

    @property
    def local_port(self) -> int:
        return self._exchange.local_port

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._exchange.close()

    async def _read(self) -> None:
        # A server that dies takes the connection with it: that too is an end.
        with contextlib.suppress(ConnectionError, h11.RemoteProtocolError):
            async for chunk in self._exchange.chunks():
                async with self._news:
                    self.events += self.source.feed(chunk)
                    self._news.notify_all()
        async with self._news:
            self.ended = True
            self._news.notify_all()

    async def _until(self, fact: Callable[[], bool], what: str, within: float) -> None:
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: fact() or self.ended)
        except TimeoutError:
            pass
        assert fact(), f"not within {within:g} s: {what}; the stream brought {self.events}"


class _HiddenFields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name")
        if tag == "input" and found.get("type") == "hidden" and name:
            self.fields[name] = found.get("value") or ""
