"""Where one is signed in, and ending it."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, flash
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import devices
from notifier.languages import _
from notifier.signed_in import SignedIn
from notifier.web.rendering import see_other
from notifier.web.sign_in import forget, login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("devices", __name__)


@blueprint.post("/settings/devices/<int:number>/end")
@login_required()
async def end(number: int) -> Response:
    me = await signed_in()
    async with site().engine.database.write() as connection:
        ended = await devices.end(connection, me, number)
    site().engine.publish(ended)
    if number == me.sign_in_id:
        forget()
        return see_other("/login")
    await flash(_("That device is signed out."), "good")
    return see_other("/settings#devices")


@blueprint.post("/settings/devices/end-others")
@login_required()
async def end_others() -> Response:
    me = await signed_in()
    async with site().engine.database.write() as connection:
        ended = await devices.end_others(connection, me)
    site().engine.publish(ended)
    await flash(_("Every other device is signed out."), "good")
    return see_other("/settings#devices")


async def section(connection: AsyncConnection, me: SignedIn) -> dict[str, Any]:
    """What `settings/_devices.html` shows."""
    return {"devices": await devices.devices(connection, me)}
