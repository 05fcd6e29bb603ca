"""Blocking, muting and reporting somebody; who may write to me."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from quart import Blueprint, Response, flash, jsonify, request
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import accounts, blocking, reports, safety
from notifier.errors import Refused, Unavailable
from notifier.events import Happened
from notifier.languages import Sentence, _
from notifier.models import AnyRow
from notifier.signed_in import SignedIn
from notifier.web import limits
from notifier.web.forms import ReportForm
from notifier.web.query import people_named
from notifier.web.rendering import page, see_other, standing
from notifier.web.sign_in import login_required, safe_next, signed_in
from notifier.web.site import site

blueprint = Blueprint("safety", __name__)

Change = Callable[[AsyncConnection, int, str], Awaitable[Sequence[Happened]]]

DONE = {
    "block": Sentence("You have blocked %(name)s. They are not told."),
    "unblock": Sentence("You see %(name)s again."),
    "mute": Sentence("%(name)s is muted: messages arrive without a sound and do not count."),
    "unmute": Sentence("%(name)s is no longer muted."),
}


@blueprint.post("/user/<username>/block")
@login_required()
async def block(username: str) -> Response:
    return await _change("block", blocking.block, username)


@blueprint.post("/user/<username>/unblock")
@login_required()
async def unblock(username: str) -> Response:
    return await _change("unblock", blocking.unblock, username)


@blueprint.get("/people/in-sight")
@login_required(redirects=False, quiet=True)
async def in_sight() -> Response:
    """Those of `?people=a,b` whom I may see: who is blocked, or gone, is left out."""
    me = await signed_in()
    names = people_named()
    async with site().engine.database.read() as connection:
        found = await blocking.in_sight(connection, me.person_id, names)
    return jsonify(found)


@blueprint.post("/user/<username>/mute")
@login_required()
async def mute(username: str) -> Response:
    return await _change("mute", blocking.mute, username)


@blueprint.post("/user/<username>/unmute")
@login_required()
async def unmute(username: str) -> Response:
    return await _change("unmute", blocking.unmute, username)


async def _change(what: str, change: Change, username: str) -> Response:
    me = await signed_in()
    await limits.spend(limits.TIE_PERSON, "tie", str(me.person_id))
    async with site().engine.database.write() as connection:
        events = await change(connection, me.person_id, username)
        person = await accounts.find_person(connection, username)
    site().engine.publish(events)
    await flash(_(DONE[what], name=person.username), "good")
    wanted = (await request.form).get("next")
    return see_other(safe_next(wanted) if wanted else f"/user/{person.username}")


@blueprint.get("/user/<username>/report")
@login_required()
async def report_form(username: str) -> Response:
    return await _report_page(username, ReportForm(), 200)


@blueprint.post("/user/<username>/report")
@login_required()
async def report(username: str) -> Response:
    """With copies of the chosen texts, each named `message-3` or `post-7`."""
    me = await signed_in()
    form = await ReportForm.submitted()
    if not form.validate():
        return await _report_page(username, form, 422)
    events: list[Happened] = []
    try:
        async with site().engine.database.write() as connection:
            await reports.report(
                connection, me.person_id, username, form.reason.data, _chosen(form.texts.data)
            )
            if form.block.data:
                events = await blocking.block(connection, me.person_id, username)
    except Unavailable:
        raise
    except Refused as error:
        if error.status != Refused.status:
            raise
        form.refuse(error)
        return await _report_page(username, form, error.status)
    site().engine.publish(events)
    await flash(_("Thank you. The moderators will look at it; nobody else is told."), "good")
    return see_other("/")


def _chosen(names: list[str]) -> list[tuple[str, int]]:
    """What cannot be read chooses nothing: only what the reporter sees can be chosen anyway."""
    found = []
    for name in names:
        kind, _dash, number = name.partition("-")
        # As many digits as an id can have.
        if number.isascii() and number.isdecimal() and len(number) < 19:
            found.append((kind, int(number)))
    return found


async def _report_page(username: str, form: ReportForm, status: int) -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        person = await accounts.find_person(connection, username)
        # Whoever is blocked stays out of sight here too; the report may still say what they did.
        blocked = safety.is_blocked(await safety.find_tie(connection, me.person_id, person.id))
        texts = [] if blocked else await reports.texts_of(connection, me.person_id, person.id)
        at = await standing(connection, me.person_id)
    if person.id == me.person_id:
        raise Refused("You cannot report yourself.")
    return await page(
        "safety/report.html", at, status_code=status, person=person, texts=texts, form=form
    )


@blueprint.post("/settings/who-may-write")
@login_required()
async def who_may_write() -> Response:
    me = await signed_in()
    chosen = (await request.form).get("who_may_write", "")
    async with site().engine.database.write() as connection:
        await safety.set_who_may_write(connection, me.person_id, chosen)
    await flash(_("Saved."), "good")
    return see_other("/settings#safety")


async def section(connection: AsyncConnection, me: SignedIn) -> dict[str, Any]:
    """What `settings/_safety.html` shows."""
    hidden: list[AnyRow] = await blocking.blocked_people(connection, me.person_id)
    return {
        "is_moderator": await reports.is_moderator(connection, me.person_id),
        "who_may_write": await safety.who_may_write(connection, me.person_id),
        "blocked": [row for row in hidden if row.blocked_at is not None],
        "muted": [row for row in hidden if row.blocked_at is None],
    }
