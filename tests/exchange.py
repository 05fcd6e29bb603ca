"""HTTP/1.1 as tests speak it: over h11, a connection each, nothing made nicer than it was said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import h11

RECEIVE_BYTES = 65_536
REQUEST_CEILING_SECONDS = 40.0


@dataclass(frozen=True)
class Answer:
    """One whole response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str:
        return self.header("location")

    def header(self, name: str) -> str:
        """The header's value; "" when it is not there."""
        return next((value for key, value in self.headers if key == name.lower()), "")


class Exchange:
    """One request and its response, the body as it comes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._wire = h11.Connection(h11.CLIENT)
        self._writer: asyncio.StreamWriter | None = None

    async def open(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes = b""
    ) -> h11.Response:
        """Send the request; the response's head."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        request = h11.Request(method=method, target=path, headers=list(headers))
        data = self._wire.send(request) or b""
        if body:
            data += self._wire.send(h11.Data(data=body)) or b""
        self._writer.write(data + (self._wire.send(h11.EndOfMessage()) or b""))
        # A server that refuses a large body early may close before it has taken all of it.
        async for event in self._events():
            if isinstance(event, h11.Response):
                return event
        raise ConnectionError("the server closed the connection without an answer")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece, until it ends."""
        async for event in self._events():
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return

    @property
    def local_port(self) -> int:
        """Our end's port, by which the process at the other end can be found."""
        assert self._writer is not None, "not open"
        port = self._writer.get_extra_info("sockname")[1]
        assert isinstance(port, int)
        return port

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _events(self) -> AsyncIterator[Any]:
        while True:
            event = self._wire.next_event()
            if event is h11.NEED_DATA:
                self._wire.receive_data(await self._reader.read(RECEIVE_BYTES))
                continue
            yield event


async def request(
    port: int, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> Answer:
    """One request, answered whole."""
    exchange = Exchange(port)
    sent = [("Connection", "close"), *headers]
    if not any(name.lower() == "host" for name, _ in sent):
        sent.insert(0, ("Host", f"127.0.0.1:{port}"))
    if body:
        sent.append(("Content-Length", str(len(body))))
    async with asyncio.timeout(REQUEST_CEILING_SECONDS):
        try:
            head = await exchange.open(method, path, sent, body)
            content = b"".join([chunk async for chunk in exchange.chunks()])
        finally:
            exchange.close()
    return Answer(
        head.status_code, [(key.decode(), value.decode()) for key, value in head.headers], content
    )
