"""Puts on every answer of the web app the headers that it must carry."""

from __future__ import annotations

from quart import Response, request

from notifier.headers import always
from notifier.web.site import site


async def add_headers(response: Response) -> Response:
    """Runs after every request. What a view has set itself stays."""
    for name, value in always(site().settings).items():
        response.headers.setdefault(name, value)
    if site().engine.draining and request.http_version.startswith("1"):
        # A browser that keeps this connection would send its next form into a closing process.
        response.headers["Connection"] = "close"
    # Pages show private things, and the back button after sign-out must not.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
