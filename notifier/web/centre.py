"""The notification centre: the bell's panel, a page of all for no JavaScript, seen and read."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, jsonify, request

from notifier import centre
from notifier.errors import BadRequest, NotFound
from notifier.events import SEQUENCE_MAX
from notifier.web import query
from notifier.web.prefetch import somebody_looks
from notifier.web.rendering import fragment, page, see_other, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("centre", __name__)

ALL = "/notifications/all"
# Cards of one answer: a page that was away does not show a pile of them.
LINES_MOST = 5


@blueprint.get("/notifications/panel")
@login_required(redirects=False)
async def panel() -> Response:
    """The panel's lines. What it shows counts as seen once the page has shown it and says so."""
    me = await signed_in()
    async with site().engine.database.read() as connection:
        lines = await centre.lately(
            connection, me.person_id, before=SEQUENCE_MAX, most=centre.PANEL_LINES
        )
        at = await centre.unseen(connection, me.person_id)
    return await fragment("notifications/_lines.html", lines=lines, at=at, in_panel=True)


@blueprint.get(ALL)
@login_required()
async def everything() -> Response:
    """Newest first, older ones before the sequence in `?before=`; showing them is seeing them."""
    me, before = await signed_in(), _before()
    most = site().settings.posts_per_page
    engine = site().engine
    async with engine.database.read() as connection:
        lines = await centre.lately(connection, me.person_id, before=before, most=most + 1)
        at = await standing(connection, me.person_id)
        now = await centre.unseen(connection, me.person_id)
    if before == SEQUENCE_MAX and somebody_looks():
        engine.publish(await centre.mark_seen(engine.database, me.person_id, now.sequence))
    return await page(
        "notifications/all.html",
        at,
        lines=lines[:most],
        older=lines[most - 1].sequence if len(lines) > most else None,
        newest=before == SEQUENCE_MAX,
    )


@blueprint.get("/notifications/lines")
@login_required(redirects=False, quiet=True)
async def lines() -> Response:
    """For the page's script: what came after a sequence, in words, and how it may be told."""
    me, after = await signed_in(), query.after() or 0
    async with site().engine.database.read() as connection:
        found = await centre.lately(
            connection, me.person_id, before=SEQUENCE_MAX, after=after, most=LINES_MOST
        )
    return jsonify([_as_dict(one) for one in reversed(found) if not one.seen and not one.read])


def _as_dict(one: centre.Listed) -> dict[str, Any]:
    return {
        "sequence": one.sequence,
        "name": one.name,
        "title": one.line.title,
        "text": one.line.text,
        "link": f"/notifications/{one.sequence}",
    }


@blueprint.get("/notifications/unseen")
@login_required(redirects=False, quiet=True)
async def unseen() -> Response:
    """The bell's count and its sequence, in the form of its event."""
    me = await signed_in()
    async with site().engine.database.read() as connection:
        now = await centre.unseen(connection, me.person_id)
    return jsonify({"data": now.payload, "sequence": now.sequence})


@blueprint.get("/notifications/<int:sequence>")
@login_required()
async def follow(sequence: int) -> Response:
    """Leads to what a notification is about, and marks it as read unless nobody looks."""
    me, engine = await signed_in(), site().engine
    async with engine.database.read() as connection:
        found = await centre.find(connection, me.person_id, _checked(sequence))
    if found is None:
        raise NotFound("This notification is gone.")
    if not found.read and somebody_looks():
        engine.publish(await centre.mark_read(engine.database, me.person_id, sequence))
    return see_other(found.line.link or ALL)


@blueprint.post("/notifications/seen")
@login_required(redirects=False)
async def see() -> Response:
    """The panel showed everything up to the sequence `up_to`."""
    me, engine = await signed_in(), site().engine
    given = (await request.form).get("up_to", "")
    if not (given.isascii() and given.isdecimal() and int(given) <= SEQUENCE_MAX):
        raise BadRequest("`up_to` must be a sequence: a whole number from 0 on.")
    engine.publish(await centre.mark_seen(engine.database, me.person_id, int(given)))
    return Response(b"", 204)


@blueprint.post("/notifications/read")
@login_required()
async def read_all() -> Response:
    me, engine = await signed_in(), site().engine
    engine.publish(await centre.mark_read(engine.database, me.person_id, None))
    return see_other(ALL)


@blueprint.post("/notifications/<int:sequence>/read")
@login_required()
async def read_one(sequence: int) -> Response:
    me, engine = await signed_in(), site().engine
    engine.publish(await centre.mark_read(engine.database, me.person_id, _checked(sequence)))
    return see_other(ALL)


def _before() -> int:
    given = request.args.get("before")
    if given is None:
        return SEQUENCE_MAX
    if not (given.isascii() and given.isdecimal() and int(given) <= SEQUENCE_MAX):
        raise NotFound("There is no such page.")
    return int(given)


def _checked(sequence: int) -> int:
    if not 0 < sequence < SEQUENCE_MAX:
        raise NotFound("This notification is gone.")
    return sequence
