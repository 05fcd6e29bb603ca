"""HTTP/1.1 as the load test needs it: a request, and an answer as a whole or piece by piece."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

# A site that is so late has failed, whatever it says then.
ANSWER_SECONDS = 30.0
READ_BYTES = 65_536


@dataclass(frozen=True)
class Place:
    """The origin of a site, and how to get there."""

    origin: str
    host: str
    port: int
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, authority: str = "") -> Place:
        """Where `url` leads; `authority` is a file of certificates to trust as well."""
        parts = urlsplit(url)
        tls = None
        if parts.scheme == "https":
            tls = ssl.create_default_context(cafile=authority or None)
            tls.set_alpn_protocols(["http/1.1"])
        port = parts.port or (443 if tls else 80)
        return cls(f"{parts.scheme}://{parts.netloc}", parts.hostname or "", port, tls)


@dataclass
class Answer:
    """Status, headers (the last of each name, cookies apart) and body."""

    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes = b""


class Exchange:
    """One connection, one request after the other. Raises OSError and TimeoutError."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def whole(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """The answer with all of its body."""
        async with asyncio.timeout(ANSWER_SECONDS):
            answer, pieces = await self.begin(method, path, headers, body)
            async for piece in pieces:
                answer.body += piece
        return answer

    async def begin(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[Answer, AsyncIterator[bytes]]:
        """The answer once its head is there, and the pieces of its body as they come."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(
                self.place.host, self.place.port, ssl=self.place.tls
            )
        assert self._reader is not None
        host = urlsplit(self.place.origin).netloc
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        parsed = _Parsed()
        while not parsed.head_complete:
            parsed.feed(await self._read())
        return parsed.answer(), self._pieces(parsed)

    async def _pieces(self, parsed: _Parsed) -> AsyncIterator[bytes]:
        while True:
            if parsed.pieces:
                pieces, parsed.pieces = parsed.pieces, []
                yield b"".join(pieces)
            if parsed.complete:
                break
            assert self._reader is not None
            data = await self._reader.read(READ_BYTES)
            if not data:
                # A body without a length ends like this, and so does a stream that is cut.
                await self.close()
                return
            parsed.feed(data)
        if not parsed.keeps_alive:
            await self.close()

    async def _read(self) -> bytes:
        assert self._reader is not None
        data = await self._reader.read(READ_BYTES)
        if not data:
            await self.close()
            raise ConnectionResetError("closed before it answered")
        return data

    async def close(self) -> None:
        """Be gone; harmless when it is."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()


class _Parsed:
    """What the parser has found of one answer."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._cookies: dict[str, str] = {}
        self.head_complete = self.complete = False
        self.keeps_alive = True
        self.pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ConnectionError(f"no HTTP: {error}") from None

    def answer(self) -> Answer:
        return Answer(self._parser.get_status_code(), self._headers, self._cookies)

    # -- called by the parser --------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key == "set-cookie":
            cookie, _, content = text.partition(";")[0].partition("=")
            self._cookies[cookie] = content
        else:
            self._headers[key] = text

    def on_headers_complete(self) -> None:
        self.head_complete = True
        self.keeps_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        self.complete = True
