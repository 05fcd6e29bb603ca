"""How a request comes in and its answer goes out: Quart's own way, with fewer tasks; and a shorter
way for most streams.

Quart runs two tasks for a request beside the server's, one that reads and one that answers, and
while a stream is open all three wait. Here the server's own task answers; what stays beside it is
the reader, because somebody must notice that the browser has left. Nothing else is different, and
no view can tell.

Streams come by the thousand and are all alike, and a third of what one costs at its beginning is
what Quart does for any request. So one that is as it should be, of somebody who is signed in, is
answered before Quart; whatever is special about it (an odd address, no sign-in, a process that
drains) goes Quart's way, to the view in `stream.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

from quart import Request, Response
from quart.asgi import ASGIHTTPConnection
from quart.utils import encode_headers
from quart.wrappers.response import DataBody

from notifier import headers, sse
from notifier.addresses import seen_from
from notifier.cookies import CookieReader, cookie_name
from notifier.engine import Engine
from notifier.errors import Unavailable
from notifier.http1 import cookie_value, query_value
from notifier.settings import Settings
from notifier.stream import web_stream

# In the scope of a stream whose sign-in could not be looked up: the error, which the view raises
# instead of waiting for the database once more.
UNAVAILABLE = "notifier.unavailable"
# Where a request that has any of these leads is for Quart to say.
SPECIAL = (b"%", b"\0", b'"')


class Exchange(ASGIHTTPConnection):
    """One request and its answer."""

    async def __call__(self, receive: Any, send: Any) -> None:
        request = self._create_request_from_scope(send)
        await _while_there(
            lambda: self.handle_messages(request, receive), self.handle_request(request, send)
        )

    async def handle_request(self, request: Request, send: Any) -> None:
        """As Quart's; the time limit costs no task, and a finished body is sent in one piece."""
        response = await self.app.handle_request(request)
        limit = getattr(response, "timeout", ...)
        if limit is ...:
            limit = self.app.config["RESPONSE_TIMEOUT"]
        try:
            async with asyncio.timeout(limit):
                if isinstance(response, Response) and isinstance(response.response, DataBody):
                    await _send_whole(send, response, response.response)
                else:
                    await self._send_response(send, response)
        except TimeoutError:
            # As Quart does: the head is long gone, so nothing can be said any more.
            pass


async def _send_whole(send: Any, response: Response, body: DataBody) -> None:
    head = encode_headers(response.headers)
    await send({"type": "http.response.start", "status": response.status_code, "headers": head})
    whole = body.data[body.begin : body.end]
    await send({"type": "http.response.body", "body": whole, "more_body": False})


async def _while_there(until: Callable[[], Awaitable[None]], answer: Awaitable[None]) -> None:
    """`answer`, until it is complete or `until` ends, because the browser has left."""
    answering = cast("asyncio.Task[None]", asyncio.current_task())
    left = False

    async def read() -> None:
        nonlocal left
        await until()
        # What is still being answered it will never read.
        left = True
        answering.cancel()

    reader = asyncio.create_task(read())
    try:
        await answer
    except asyncio.CancelledError:
        if not left or answering.uncancel():
            # The server wants the end, not only the browser.
            raise
    finally:
        reader.cancel()


class Streams:
    """The shorter way to the web door's streams."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._cookies = CookieReader(settings)
        self._cookie_name = cookie_name(settings)
        self._trusted_proxies = settings.trusted_proxies
        carried = sse.HEADERS | {
            name: value
            for name, value in headers.always(settings).items()
            if name not in sse.HEADERS
        }
        self._head = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(name.lower().encode(), value.encode()) for name, value in carried.items()],
        }

    async def answered(self, scope: Any, receive: Any, send: Any) -> bool:
        """Answer a GET of `/stream`; False, with nothing read or sent, if that is for Quart."""
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name, []).append(value)
        cookies, query = b"; ".join(given.get(b"cookie", ())), scope["query_string"]
        together = b"%s %s %s" % (scope.get("raw_path", b""), query, cookies)
        if (
            not together.isascii()
            or any(sign in together for sign in SPECIAL)
            or b"content-length" in given
            or b"transfer-encoding" in given
            or self._engine.draining
        ):
            return False
        token = cookie_value(cookies.decode(), self._cookie_name)
        auth_id = self._cookies.auth_id(token) if token else None
        if auth_id is None:
            return False
        try:
            who = await self._engine.stream_sign_ins.find(auth_id)
        except Unavailable as error:
            scope[UNAVAILABLE] = error
            return False
        if who is None or self._engine.draining:
            return False
        # The header is what a reconnecting browser sends by itself, so it is the newer one.
        last = given.get(b"last-event-id", [b""])[0].decode("latin-1")
        cursor = sse.parse_cursor(last or query_value(query.decode(), "last_event_id"))
        peer = str(scope["client"][0]) if scope.get("client") else ""
        forwarded = b",".join(given.get(b"x-forwarded-for", ())).decode("latin-1")
        address = seen_from(peer, forwarded, self._trusted_proxies)
        pieces = web_stream(self._engine, who, cursor, address)
        await _while_there(lambda: _has_left(receive), self._send(send, pieces))
        return True

    async def _send(self, send: Any, pieces: Any) -> None:
        await send(self._head)
        async with aclosing(pieces):
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _has_left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
