"""Puts on every answer of the web app the headers that it must carry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quart import Response, request

from notifier.engine import Engine
from notifier.headers import always
from notifier.settings import Settings


def adds_headers(settings: Settings, engine: Engine) -> Callable[[Response], Awaitable[Response]]:
    """What runs after every request. What a view has set itself stays."""
    # Pages show private things, and the back button after sign-out must not.
    wanted = always(settings) | {"Cache-Control": "no-store"}
    # Put together once: most answers carry all of them, and streams come by the thousand.
    all_of_them = [(name, name.lower(), value) for name, value in wanted.items()]

    async def add_headers(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        response.headers.extend(
            [(name, value) for name, lower, value in all_of_them if lower not in present]
        )
        if engine.draining and request.http_version.startswith("1"):
            # A browser that keeps this connection would send its next form into a closing process.
            response.headers["Connection"] = "close"
        return response

    return add_headers
