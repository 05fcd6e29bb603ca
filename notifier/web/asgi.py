"""How a request comes in and its answer goes out: Quart's own way, with fewer tasks.

Quart runs two tasks for a request beside the server's, one that reads and one that answers, and
while a stream is open all three wait. Here the server's own task answers; what stays beside it is
the reader, because somebody must notice that the browser has left. Nothing else is different, and
no view can tell.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from quart import Request, Response
from quart.asgi import ASGIHTTPConnection
from quart.utils import encode_headers
from quart.wrappers.response import DataBody


class Exchange(ASGIHTTPConnection):
    """One request and its answer."""

    async def __call__(self, receive: Any, send: Any) -> None:
        request = self._create_request_from_scope(send)
        answering = cast("asyncio.Task[None]", asyncio.current_task())
        left = False

        async def read() -> None:
            nonlocal left
            await self.handle_messages(request, receive)
            # The browser has left: what is still being answered it will never read.
            left = True
            answering.cancel()

        reading = asyncio.create_task(read())
        try:
            await self.handle_request(request, send)
        except asyncio.CancelledError:
            if not left or answering.uncancel():
                # The server wants the end, not only the browser.
                raise
        finally:
            reading.cancel()

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
