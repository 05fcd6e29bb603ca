"""How a person wants to be told: the part of the settings page, and its form."""

from __future__ import annotations

from collections.abc import Mapping

from quart import Blueprint, Response, flash, request
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import choices, pushes
from notifier.errors import Refused
from notifier.languages import _, shown
from notifier.signed_in import SignedIn
from notifier.web.rendering import see_other
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("choices", __name__)

PAGE = "/settings#notifications"


@blueprint.post("/settings/notifications")
@login_required()
async def choose() -> Response:
    """`way` is `name.way` for each box that is ticked; times are `HH:MM`, both or none."""
    me = await signed_in()
    form = await request.form
    ways: dict[str, set[str]] = {}
    for ticked in form.getlist("way"):
        name, _dot, way = ticked.rpartition(".")
        ways.setdefault(name, set()).add(way)
    try:
        chosen = choices.check(
            ways,
            form.get("quiet_from", ""),
            form.get("quiet_until", ""),
            form.get("time_zone", "") or "UTC",
        )
    except Refused as error:
        await flash(shown(error.message), "bad")
        return see_other(PAGE)
    await choices.store(site().engine.database, me.person_id, chosen)
    await flash(_("Saved."), "good")
    return see_other(PAGE)


async def section(connection: AsyncConnection, me: SignedIn) -> Mapping[str, object]:
    """What `settings/_notifications.html` shows."""
    chosen = await choices.of(connection, me.person_id)
    names = [
        (name, label, {way: way in chosen.ways_of(name) for way in choices.WAYS})
        for name, label in choices.shown_names().items()
    ]
    begin, end = chosen.quiet or (None, None)
    return {
        "names": names,
        "ways": choices.WAYS,
        "quiet_from": _clock(begin),
        "quiet_until": _clock(end),
        "time_zone": chosen.time_zone,
        "time_zones": choices.time_zones(),
        "push_key": site().settings.vapid_public_key,
        "push_known": " ".join(await pushes.known_to(connection, me.sign_in_id)),
    }


def _clock(minute: int | None) -> str:
    return "" if minute is None else f"{minute // 60:02}:{minute % 60:02}"
