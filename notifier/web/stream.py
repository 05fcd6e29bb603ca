"""`GET /stream`: the web door, for what does not come by the shorter way (`asgi.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from quart import Blueprint, Response, request

from notifier import sse
from notifier.errors import Unavailable
from notifier.stream import BUSY_RETRY_MS, web_stream
from notifier.web.asgi import UNAVAILABLE
from notifier.web.limits import address
from notifier.web.sign_in import login_required, public, signed_in
from notifier.web.site import site

blueprint = Blueprint("stream", __name__)


@blueprint.before_request
async def raise_what_is_known() -> None:
    """Whoever comes by the shorter way (`asgi.py`) has waited for the database already."""
    error = cast(Unavailable | None, request.scope.get(UNAVAILABLE))
    if error is not None:
        raise error


@blueprint.errorhandler(Unavailable)
async def come_back_later(_error: Unavailable) -> Response:
    """At any other status than 200 the browser would give up for good."""
    return Response(sse.retry(BUSY_RETRY_MS), 200, sse.HEADERS)


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
        # Not an error: any other status would make the browser give up for good.
        return Response(sse.retry(), 200, sse.HEADERS)
    # The header is what a reconnecting browser sends by itself, so it is the newer one.
    given = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    cursor = sse.parse_cursor(given)
    pieces = web_stream(engine, await signed_in(), cursor, address())
    response = Response(pieces, 200, sse.HEADERS)
    # Quart would end every response after 60 s.
    response.timeout = None
    return response
