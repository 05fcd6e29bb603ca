"""How a browser is being told: a page that measures it, and the few answers it measures with.

It must never store anything, nor tell one person about another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import orjson
from quart import Blueprint, Response
from quart.helpers import stream_with_context

from notifier import sse
from notifier.web import limits
from notifier.web.rendering import page
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("diagnostics", __name__)

# What somebody on the way gathers arrives at one moment; what nobody gathers arrives like this.
DRIPS = 5
DRIP_SECONDS = 0.3


@blueprint.get("/diagnostics")
@login_required()
async def index() -> Response:
    return await page("diagnostics/index.html", elsewhere=bool(site().settings.stream_url))


@blueprint.get("/diagnostics/clock")
@login_required(redirects=False, quiet=True)
async def clock() -> Response:
    """The time here: a browser's clock may be minutes off."""
    return Response(orjson.dumps({"now": time.time()}), content_type="application/json")


@blueprint.post("/diagnostics/echo")
@login_required(redirects=False, quiet=True)
async def echo() -> Response:
    """Sent to whoever asks, the way of every live event: over the bus and their own stream."""
    me = await signed_in()
    await limits.spend(limits.SEND_PERSON, "echo", str(me.person_id))
    await site().engine.signal(me.person_id, "echo", {})
    return Response(b"", 204)


@blueprint.get("/diagnostics/drip")
@login_required(redirects=False, quiet=True)
async def drip() -> Response:
    """A short stream with pauses, with the headers of the real one."""
    me = await signed_in()
    await limits.spend(limits.SEND_PERSON, "drip", str(me.person_id))

    @stream_with_context
    async def drops() -> AsyncIterator[bytes]:
        for number in range(DRIPS):
            yield b"data: %d\n\n" % number
            await asyncio.sleep(DRIP_SECONDS)

    return Response(drops(), 200, sse.HEADERS)
