"""`GET /notifications`: what happened to whoever asks; also what a page polls without a stream."""

from __future__ import annotations

from quart import Blueprint, Response

from notifier import notifications
from notifier.web import query
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
@login_required(redirects=False, quiet=True)
async def listing() -> Response:
    """After a sequence (exact), or since a time (repeats what happened at that very time)."""
    me = await signed_in()
    after, since = query.after(), query.since()
    async with site().engine.database.read() as connection:
        if after is not None:
            events = await notifications.after(connection, me.person_id, after)
        else:
            events = await notifications.since(connection, me.person_id, since)
    body = b"[" + b",".join([event.json for event in events]) + b"]"
    return Response(body, content_type="application/json")
