"""`/healthz`, `/readyz` and `/metrics`: for load balancers and Prometheus."""

from __future__ import annotations

import hmac

from quart import Blueprint, Response, request

from notifier import health
from notifier.web.sign_in import public
from notifier.web.site import site

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
async def healthz() -> Response:
    """Alive: the loop answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@public
async def readyz() -> Response:
    """Able to serve; otherwise 503 and the names of what is not."""
    missing = await health.missing(site().engine)
    if missing:
        return Response("".join(f"{line}\n" for line in missing), 503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


@blueprint.get("/metrics")
@public
async def metrics() -> Response:
    """The process's figures. Closed in production unless a token is set and given."""
    settings = site().engine.settings
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.metrics_token:
        allowed = hmac.compare_digest(given.encode(), settings.metrics_token.encode())
    else:
        allowed = settings.development
    if not allowed:
        return Response("Not found.\n", 404, mimetype="text/plain")
    return Response(health.metrics(site().engine), content_type=health.METRICS_CONTENT_TYPE)
