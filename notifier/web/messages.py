"""Private messages: sending, the inbox, the sent box."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, flash, jsonify, request
from sqlalchemy import Row

from notifier import accounts, messages, seen
from notifier.drafts import draft
from notifier.errors import Refused
from notifier.languages import _
from notifier.web import limits
from notifier.web.errors import wants_json
from notifier.web.forms import MessageForm
from notifier.web.query import existing, page_number
from notifier.web.rendering import Standing, page, see_other, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("messages", __name__)

# How browsers say that nobody looks at this page yet, and perhaps never will.
PREFETCH_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


@blueprint.get("/send_message/<recipient>")
@login_required()
async def send_form(recipient: str) -> Response:
    return await _send_page(recipient, MessageForm(), 200)


@blueprint.post("/send_message/<recipient>")
@login_required()
async def send(recipient: str) -> Response:
    me = await signed_in()
    form = await MessageForm.submitted()
    try:
        drafted = draft(
            me.person_id,
            me.username,
            recipient,
            form.message.data or "",
            request.headers.get("Idempotency-Key"),
        )
        await limits.spend(limits.SEND_PERSON, "send", str(me.person_id))
        sent = await site().engine.sending.send(drafted)
    except Refused as error:
        if error.status not in {422, 403} or wants_json():
            raise
        form.refuse(error)
        return await _send_page(recipient, form, error.status)
    if wants_json():
        stored = {"id": sent.id, "sequence": sent.sequence, "sent_at": sent.sent_at}
        response = jsonify(stored)
        response.status_code = 201
        return response
    await flash(_("Your message has been sent."), "good")
    return see_other(f"/user/{recipient}")


async def _send_page(recipient: str, form: MessageForm, status: int) -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        person: Row[Any] = await accounts.find_person(connection, recipient)
        at = await standing(connection, me.person_id)
    return await page("messages/send.html", at, status_code=status, person=person, form=form)


@blueprint.get("/messages")
@login_required()
async def inbox() -> Response:
    """Marks as read what this page could show, unless nobody looks at it."""
    me, number = await signed_in(), page_number()
    found = await messages.open_inbox(
        site().engine.database,
        me.person_id,
        number,
        site().settings.posts_per_page,
        mark=request.method == "GET" and not _is_prefetch(),
    )
    site().engine.publish(found.events)
    if found.events:
        new = [row.id for row in found.page.items if row.read_at is None]
        await seen.tell(site().engine, me.person_id, new)
    at = Standing(found.cursor, found.unread)
    return await page("messages/inbox.html", at, page=existing(found.page))


@blueprint.get("/messages/sent")
@login_required()
async def sent_box() -> Response:
    me, number = await signed_in(), page_number()
    async with site().engine.database.read() as connection:
        found = await messages.sent_box(
            connection, me.person_id, number, site().settings.posts_per_page
        )
        at = await standing(connection, me.person_id)
    return await page("messages/sent.html", at, page=existing(found))


def _is_prefetch() -> bool:
    return any("prefetch" in request.headers.get(name, "").lower() for name in PREFETCH_HEADERS)
