"""`GET /stream`: the web door, for what does not come by the shorter way (`asgi.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from quart import Blueprint, Response, request

from notifier import sse
from notifier.errors import Unavailable
from notifier.stream import web_stream
from notifier.web.asgi import UNAVAILABLE
from notifier.web.limits import address
from notifier.web.sign_in import login_required, public, signed_in, visitor
from notifier.web.site import site

blueprint = Blueprint("stream", __name__)


@blueprint.before_request
async def come_back_later() -> Response | None:
    """A process that drains looks nobody up: its database may be closed at any moment, and any
    other status than 200 would make the browser give up for good."""
    if (
        request.endpoint == "stream.stream"
        and request.method == "GET"
        and site().engine.draining
        and visitor().auth_id is not None
    ):
        return _come_back()
    return None


def _come_back() -> Response:
    return Response(sse.retry(), 200, sse.HEADERS)


@blueprint.before_request
async def raise_what_is_known() -> None:
    """Whoever comes by the shorter way (`asgi.py`) has waited for the database already."""
    error = cast(Unavailable | None, request.scope.get(UNAVAILABLE))
    if error is not None:
        raise error


@blueprint.get(sse.PROBE_PATH)
@public
async def probe() -> Response:
    """Two pieces of a stream, for everybody: what shows whether a proxy holds streams back."""
    engine = site().engine
    if engine.probes >= sse.PROBES_MOST:
        return Response("Too many are trying this.\n", 503, mimetype="text/plain")

    async def pieces() -> AsyncIterator[bytes]:
        engine.probes += 1
        try:
            yield sse.retry()
            await asyncio.sleep(sse.PROBE_SECONDS)
            yield sse.PING
        finally:
            engine.probes -= 1

    if request.method == "HEAD":
        return Response(b"", 200, sse.HEADERS)
    return Response(pieces(), 200, sse.HEADERS)


@blueprint.get("/stream")
@login_required(redirects=False, quiet=True)
async def stream() -> Response:
    """The events of whoever is signed in; 401 for everybody else."""
    engine = site().engine
    if request.method == "HEAD":
        # A body would run for ever, and nobody would read it.
        return Response(b"", 200, sse.HEADERS)
    if engine.draining:
        # Since it was looked up.
        return _come_back()
    # The header is what a reconnecting browser sends by itself, so it is the newer one.
    given = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    cursor = sse.parse_cursor(given)
    pieces = web_stream(engine, await signed_in(), cursor, address())
    response = Response(pieces, 200, sse.HEADERS)
    # Quart would end every response after 60 s.
    response.timeout = None
    return response
