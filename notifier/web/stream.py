"""`GET /stream`: the web door."""

from __future__ import annotations

from quart import Blueprint, Response, request

from notifier import sse
from notifier.stream import web_stream
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("stream", __name__)


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
    response = Response(web_stream(engine, await signed_in(), cursor), 200, sse.HEADERS)
    # Quart would end every response after 60 s.
    response.timeout = None
    return response
