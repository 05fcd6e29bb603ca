"""What one takes along, and leaving: the export of everything, deleting the account."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, flash
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import exports
from notifier.errors import Refused, Unavailable
from notifier.languages import _
from notifier.leaving import leave
from notifier.signed_in import SignedIn
from notifier.web import limits
from notifier.web.forms import DeleteAccountForm
from notifier.web.rendering import page, see_other
from notifier.web.sign_in import forget, login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("account_data", __name__)


@blueprint.post("/settings/export")
@login_required()
async def ask() -> Response:
    me = await signed_in()
    await limits.spend(limits.EXPORT_PERSON, "export", str(me.person_id))
    engine = site().engine
    async with engine.database.write() as connection:
        events = await exports.ask(
            connection, me.person_id, kept_most=engine.settings.kept_notifications
        )
    engine.publish(events)
    site().exporter.look()
    await flash(_("Your data is being put together. You can go on meanwhile."), "good")
    return see_other("/settings#your_data")


@blueprint.get("/settings/export/<int:number>")
@login_required()
async def fetch(number: int) -> Response:
    """Its owner's only, and only until it expires."""
    me = await signed_in()
    database = site().engine.database
    async with database.read() as connection:
        await exports.ready(connection, me.person_id, number)
    return Response(
        exports.pieces(database, number),
        headers={
            "Content-Disposition": f'attachment; filename="notifier-{me.username}.json"',
            "Cache-Control": "no-store",
        },
        content_type="application/json",
    )


@blueprint.get("/delete-account")
@login_required()
async def delete_form() -> Response:
    return await page("account_data/delete.html", form=DeleteAccountForm())


@blueprint.post("/delete-account")
@login_required()
async def delete() -> Response:
    me = await signed_in()
    form = await DeleteAccountForm.submitted()
    await limits.spend(limits.PASSWORD_PERSON, "password", str(me.person_id))
    try:
        happened = await leave(
            site().engine.database, site().passwords, me, form.password.data or ""
        )
    except Unavailable:
        raise
    except Refused as error:
        form.refuse(error)
        return await page("account_data/delete.html", status_code=422, form=form)
    site().engine.publish(happened)
    forget()
    await flash(_("Your account and everything in it is deleted."))
    return see_other("/login")


async def section(connection: AsyncConnection, me: SignedIn) -> dict[str, Any]:
    """What `settings/_your_data.html` shows."""
    return {
        "export": await exports.find(connection, me.person_id),
        "percent": await exports.percent(connection, me.person_id),
        "days": exports.KEPT_SECONDS // 86_400,
    }
