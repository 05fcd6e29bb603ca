"""The moderators' page. For everybody else there is no such thing: 404."""

from __future__ import annotations

from quart import Blueprint, Response, flash, request

from notifier import reports
from notifier.languages import _
from notifier.web.rendering import page, see_other, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("moderation", __name__)


@blueprint.get("/moderation")
@login_required()
async def listing() -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        await reports.require_moderator(connection, me.person_id)
        waiting = await reports.open_reports(connection, me.person_id)
        suspended = await reports.suspended_people(connection)
        at = await standing(connection, me.person_id)
    return await page("moderation/index.html", at, reports=waiting, suspended=suspended)


@blueprint.post("/moderation/<int:number>/dismiss")
@login_required()
async def dismiss(number: int) -> Response:
    me = await signed_in()
    async with site().engine.database.write() as connection:
        await reports.dismiss(connection, me.person_id, number)
    await flash(_("The report is closed."), "good")
    return see_other("/moderation")


@blueprint.post("/moderation/<int:number>/warn")
@login_required()
async def warn(number: int) -> Response:
    me, engine = await signed_in(), site().engine
    words = (await request.form).get("words", "")
    async with engine.database.write() as connection:
        events = await reports.warn(
            connection,
            me.person_id,
            number,
            words,
            kept_most=engine.settings.kept_notifications,
        )
    engine.publish(events)
    await flash(_("The warning is on its way, and the report is closed."), "good")
    return see_other("/moderation")


@blueprint.post("/moderation/<int:number>/suspend")
@login_required()
async def suspend(number: int) -> Response:
    me = await signed_in()
    async with site().engine.database.write() as connection:
        ended = await reports.suspend(connection, me.person_id, number)
    site().engine.publish(ended)
    await flash(_("They are signed out everywhere and cannot sign in until you lift it."), "good")
    return see_other("/moderation")


@blueprint.post("/moderation/lift/<username>")
@login_required()
async def lift(username: str) -> Response:
    me = await signed_in()
    async with site().engine.database.write() as connection:
        await reports.lift(connection, me.person_id, username)
    await flash(_("They can sign in again."), "good")
    return see_other("/moderation")
