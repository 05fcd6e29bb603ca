"""Web Push: a browser says where it takes pushes, and gets the worker that shows them."""

from __future__ import annotations

import orjson
from limits import RateLimitItemPerMinute
from quart import Blueprint, Response, request

from notifier import pushes
from notifier.errors import NotFound
from notifier.languages import language
from notifier.paths import STATIC
from notifier.web import limits
from notifier.web.assets import address
from notifier.web.sign_in import login_required, public, signed_in
from notifier.web.site import site

blueprint = Blueprint("push", __name__)

# A browser subscribes once in a long while; a script that tries addresses wants thousands.
PUSH_PERSON = RateLimitItemPerMinute(20)
_NO_PUSH = "Pushes are not set up on this site."


@blueprint.post("/push")
@login_required(redirects=False)
async def subscribe() -> Response:
    """From now on this browser takes pushes: `endpoint`, `p256dh`, `auth`, as it made them."""
    me, settings = await signed_in(), site().settings
    if not settings.vapid_private_key:
        raise NotFound(_NO_PUSH)
    form = await request.form
    await limits.spend(PUSH_PERSON, "push", str(me.person_id))
    async with site().engine.database.write() as connection:
        await pushes.subscribe(
            connection,
            me.person_id,
            me.sign_in_id,
            endpoint=form.get("endpoint", ""),
            p256dh=form.get("p256dh", ""),
            auth=form.get("auth", ""),
            language=language(),
            anywhere=settings.development,
        )
    return Response(b"", 201)


@blueprint.delete("/push")
@login_required(redirects=False)
async def unsubscribe() -> Response:
    """This browser takes no pushes any more; `endpoint` says which it is."""
    me = await signed_in()
    endpoint = (await request.form).get("endpoint", "")
    async with site().engine.database.write() as connection:
        await pushes.unsubscribe(connection, endpoint, person_id=me.person_id)
    return Response(b"", 204)


@blueprint.get("/service-worker.js")
@public
async def service_worker() -> Response:
    """At the root, for it may only serve what lies below its own address."""
    body = (STATIC / "worker" / "service_worker.js").read_bytes()
    return Response(
        body, headers={"Cache-Control": "no-cache"}, content_type="text/javascript; charset=utf-8"
    )


@blueprint.get("/manifest.webmanifest")
@public
async def manifest() -> Response:
    """What makes the site an app on a phone or a desktop."""
    icons = [
        {"src": address("img/icon-192.png"), "sizes": "192x192", "type": "image/png"},
        {"src": address("img/icon-512.png"), "sizes": "512x512", "type": "image/png"},
        {
            "src": address("img/icon-maskable-512.png"),
            "sizes": "512x512",
            "type": "image/png",
            "purpose": "maskable",
        },
        {"src": address("img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"},
    ]
    body = {
        "id": "/",
        "name": "Notifier",
        "short_name": "Notifier",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fbf8f3",
        "theme_color": "#0a6265",
        "icons": icons,
    }
    return Response(
        orjson.dumps(body),
        headers={"Cache-Control": "no-cache"},
        content_type="application/manifest+json",
    )
