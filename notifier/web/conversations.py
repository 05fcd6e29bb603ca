"""Conversations: the list of them, one of them, replying, reading and deleting.

A browser with scripts says itself what was seen (`…/read`); one without is taken to have seen the
page that it was given. The cookie `notifier_script`, set by our script, tells which it is.
"""

from __future__ import annotations

import secrets

from limits import RateLimitItemPerMinute
from quart import Blueprint, Response, jsonify, request
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import conversations, message_changes, presence, safety, seen
from notifier.conversations import Window
from notifier.drafts import draft
from notifier.errors import BadRequest, Refused
from notifier.models import AnyRow
from notifier.web import limits
from notifier.web.errors import wants_json
from notifier.web.forms import MessageForm
from notifier.web.prefetch import somebody_looks
from notifier.web.query import message_number, message_numbers
from notifier.web.rendering import Standing, fragment, page, see_other, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("conversations", __name__)

SCRIPT_COOKIE = "notifier_script"
# A page says some seconds' worth of what was seen at a time; nobody reads faster than this.
READ_PERSON = RateLimitItemPerMinute(240)
DELETE_PERSON = RateLimitItemPerMinute(60)
KEY_BYTES = 16


@blueprint.get("/conversations")
@login_required()
async def listed() -> Response:
    me, before = await signed_in(), message_number("before")
    async with site().engine.database.read() as connection:
        found = await conversations.lines(connection, me.person_id, before)
        at = await standing(connection, me.person_id)
    if request.args.get("part") == "lines":
        return await fragment("conversations/_lines.html", lines=found)
    return await page("conversations/list.html", at, lines=found, before=before)


@blueprint.get("/conversations/<username>")
@login_required()
async def conversation(username: str) -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        other = await conversations.other_person(connection, me.person_id, username)
        unread = await conversations.first_unread(connection, me.person_id, other.id)
        window = await _window(connection, me.person_id, other.id, unread)
        told = await _told(connection, me.person_id, other.id)
        at = await standing(connection, me.person_id)
    if request.args.get("part") == "messages":
        return await fragment(
            "conversations/_messages.html", other=other, window=window, unread=unread, **told
        )
    scripted = SCRIPT_COOKIE in request.cookies
    if not scripted and somebody_looks():
        at = await _seen_without_script(me.person_id, other, window, at)
    return await _page(other, window, unread, at, told, MessageForm(), 200, scripted)


@blueprint.post("/conversations/<username>")
@login_required()
async def reply(username: str) -> Response:
    """The reply of a page without scripts; scripts send as every other program does."""
    me = await signed_in()
    form = await MessageForm.submitted()
    key = (await request.form).get("key")
    try:
        drafted = draft(me.person_id, me.username, username, form.message.data or "", key)
        await limits.spend(limits.SEND_PERSON, "send", str(me.person_id))
        await site().engine.sending.send(drafted)
    except Refused as error:
        if error.status not in {422, 403} or wants_json():
            raise
        form.refuse(error)
        async with site().engine.database.read() as connection:
            other = await conversations.other_person(connection, me.person_id, username)
            unread = await conversations.first_unread(connection, me.person_id, other.id)
            window = await conversations.newest(connection, me.person_id, other.id)
            told = await _told(connection, me.person_id, other.id)
            at = await standing(connection, me.person_id)
        return await _page(other, window, unread, at, told, form, error.status, True)
    return see_other(f"/conversations/{username}#end")


@blueprint.post("/conversations/<username>/read")
@login_required(redirects=False)
async def read(username: str) -> Response:
    """Marks the messages `ids` (numbers with commas between them) as read."""
    me, ids = await signed_in(), await message_numbers("ids")
    await limits.spend(READ_PERSON, "read", str(me.person_id))
    async with site().engine.database.read() as connection:
        other = await conversations.other_person(connection, me.person_id, username)
    events = await message_changes.read(site().engine.database, me.person_id, other, ids)
    site().engine.publish(events)
    if events:
        await seen.tell(site().engine, me.person_id, ids)
    if wants_json():
        return jsonify({"with": other.username, "read": ids})
    return see_other(f"/conversations/{other.username}#end")


@blueprint.post("/conversations/<username>/delete")
@login_required(redirects=False)
async def delete(username: str) -> Response:
    """Deletes the message `id` of one's own, for both."""
    me, ids = await signed_in(), await message_numbers("id")
    await limits.spend(DELETE_PERSON, "delete", str(me.person_id))
    if len(ids) != 1:
        raise BadRequest("Say which message: one number.")
    other, events = await message_changes.delete_sent(
        site().engine.database,
        me.person_id,
        ids[0],
        kept_most=site().settings.kept_notifications,
    )
    site().engine.publish(events)
    if wants_json():
        return jsonify({"with": other, "deleted": ids[0]})
    return see_other(f"/conversations/{other}#end")


async def _window(
    connection: AsyncConnection, person_id: int, other_id: int, unread: int | None
) -> Window:
    """The part that is asked for; without a word about it, the end or where the unread begin."""
    if before := message_number("before"):
        return await conversations.newest(connection, person_id, other_id, before=before)
    if after := message_number("after"):
        return await conversations.after(connection, person_id, other_id, after)
    if around := message_number("around"):
        return await conversations.around(connection, person_id, other_id, around)
    window = await conversations.newest(connection, person_id, other_id)
    wants_end = request.args.get("at") == "end"
    if unread and not wants_end and unread < window.items[0].id:
        return await conversations.around(connection, person_id, other_id, unread)
    return window


async def _seen_without_script(
    person_id: int, other: AnyRow, window: Window, at: Standing
) -> Standing:
    """Mark as read what the page shows; the standing with the count after it."""
    ids = [row.id for row in window.items if row.sender_id == other.id and row.read_at is None]
    if not ids:
        return at
    events = await message_changes.read(site().engine.database, person_id, other, ids)
    site().engine.publish(events)
    await seen.tell(site().engine, person_id, ids)
    # The cursor stays that of what is shown: what came since has yet to be told.
    return Standing(at.cursor, events[-1].payload) if events else at


async def _told(connection: AsyncConnection, person_id: int, other_id: int) -> dict[str, object]:
    """What a person may know of the other besides their words."""
    return {
        "near": await presence.of(connection, person_id, other_id),
        "tie": await safety.find_tie(connection, person_id, other_id),
        "shows_seen": await seen.is_shown(connection, person_id, other_id),
    }


async def _page(
    other: AnyRow,
    window: Window,
    unread: int | None,
    at: Standing,
    told: dict[str, object],
    form: MessageForm,
    status: int,
    scripted: bool,
) -> Response:
    return await page(
        "conversations/conversation.html",
        at,
        status_code=status,
        other=other,
        window=window,
        unread=unread,
        form=form,
        key=secrets.token_urlsafe(KEY_BYTES),
        scripted=scripted,
        **told,
    )
