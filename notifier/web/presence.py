"""Who is here and who types: what a page says of its person, and what it is told of others."""

from __future__ import annotations

from collections.abc import Mapping

from quart import Blueprint, Response, flash, jsonify, request
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import discretion, presence
from notifier.accounts import username_key
from notifier.discretion import Choices
from notifier.errors import BadRequest
from notifier.languages import _
from notifier.presence import State
from notifier.signed_in import SignedIn
from notifier.web import limits
from notifier.web.query import people_named
from notifier.web.rendering import see_other
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site
from notifier.whereabouts import Said

blueprint = Blueprint("presence", __name__)

# What a page may say of its person.
SAYABLE = {state.value: state for state in (State.HERE, State.AWAY)}


@blueprint.get("/presence")
@login_required(redirects=False, quiet=True)
async def among() -> Response:
    """What I am told of the people in `?people=a,b`; whoever is left out is hidden or nobody."""
    me = await signed_in()
    names = people_named()
    async with site().engine.database.read() as connection:
        found = await presence.among(connection, me.person_id, names)
    return jsonify([shown.as_dict() for shown in found])


@blueprint.post("/presence")
@login_required(redirects=False, quiet=True)
async def say() -> Response:
    """`state` is `here` or `away`; it holds for some minutes and is to be said again."""
    me = await signed_in()
    state = SAYABLE.get((await request.form).get("state", ""))
    if state is None:
        raise BadRequest(_("`state` must be here or away."))
    said = Said(me, state)
    if site().engine.whereabouts.is_news(said):
        await limits.spend(limits.PRESENCE_PERSON, "presence", str(me.person_id))
        await site().engine.whereabouts.note(said)
    return Response(b"", 204)


@blueprint.post("/typing/<username>")
@login_required(redirects=False, quiet=True)
async def typing(username: str) -> Response:
    """I am writing to that person now."""
    me = await signed_in()
    pair = str(me.person_id), username_key(username)
    await limits.spend(limits.TYPING_PAIR, "typing", *pair)
    await site().engine.typing.tell(me, username)
    return Response(b"", 204)


@blueprint.post("/settings/presence")
@login_required()
async def choose() -> Response:
    """What I show of myself; a box that is not ticked is not sent."""
    me = await signed_in()
    form = await request.form
    await site().engine.whereabouts.chosen(
        me, Choices("shows_seen" in form, "shows_presence" in form)
    )
    await flash(_("Saved."), "good")
    return see_other("/settings#presence")


async def section(connection: AsyncConnection, me: SignedIn) -> Mapping[str, object]:
    """What `settings/_presence.html` shows."""
    return {"choices": await discretion.choices(connection, me.person_id)}
