"""Profiles: looking at anybody's, changing one's own."""

from __future__ import annotations

from quart import Blueprint, Response, flash, request

from notifier import accounts, posts, presence, safety, sign_ins
from notifier.errors import Refused, Unavailable
from notifier.languages import _
from notifier.web import limits, sign_in
from notifier.web.forms import ChangePasswordForm, EditProfileForm
from notifier.web.query import existing, page_number
from notifier.web.rendering import fragment, page, see_other, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("profiles", __name__)


@blueprint.get("/user/<username>")
@login_required()
async def profile(username: str) -> Response:
    me, number = await signed_in(), page_number()
    async with site().engine.database.read() as connection:
        person = await accounts.find_person(connection, username)
        near = await presence.of(connection, me.person_id, person.id)
        tie = await safety.find_tie(connection, me.person_id, person.id)
        found = await posts.by_author(connection, person.id, number, site().settings.posts_per_page)
        at = await standing(connection, me.person_id)
    if safety.is_blocked(tie):
        return await page("profiles/blocked.html", at, person=person, tie=tie)
    return await page(
        "profiles/profile.html", at, person=person, near=near, tie=tie, page=existing(found)
    )


@blueprint.get("/user/<username>/popup")
@login_required(redirects=False)
async def popup(username: str) -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        person = await accounts.find_person(connection, username)
        near = await presence.of(connection, me.person_id, person.id)
        tie = await safety.find_tie(connection, me.person_id, person.id)
    if safety.is_blocked(tie):
        return await fragment("profiles/_blocked.html", person=person)
    return await fragment("profiles/_popup.html", person=person, near=near)


@blueprint.get("/edit-profile")
@login_required()
async def edit_form() -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        person = await accounts.find_person(connection, me.username)
        at = await standing(connection, me.person_id)
    form = EditProfileForm(username=person.username, about_me=person.about_me)
    return await page("profiles/edit.html", at, form=form)


@blueprint.post("/edit-profile")
@login_required()
async def edit() -> Response:
    me = await signed_in()
    form = await EditProfileForm.submitted()
    if form.validate():
        try:
            username = await accounts.edit_profile(
                site().engine.database, me.person_id, form.username.data, form.about_me.data or ""
            )
        except Unavailable:
            raise
        except Refused as error:
            form.refuse(error)
        else:
            await flash(_("Your changes are saved."), "good")
            return see_other(f"/user/{username}")
    return await page("profiles/edit.html", status_code=422, form=form)


@blueprint.get("/change-password")
@login_required()
async def change_password_form() -> Response:
    return await page("profiles/change_password.html", form=ChangePasswordForm())


@blueprint.post("/change-password")
@login_required()
async def change_password() -> Response:
    me = await signed_in()
    form = await ChangePasswordForm.submitted()
    if form.validate():
        await limits.spend(limits.PASSWORD_PERSON, "password", str(me.person_id))
        try:
            auth_id, remember, happened = await sign_ins.change_password(
                site().engine.database,
                site().passwords,
                me,
                form.old_password.data or "",
                form.password.data,
                browser=request.headers.get("User-Agent", ""),
                address=limits.address(),
            )
        except Unavailable:
            raise
        except Refused as error:
            form.refuse(error)
        else:
            site().engine.publish(happened)
            sign_in.start(auth_id, remember=remember)
            await flash(_("Your password is changed; everywhere else you are signed out."), "good")
            return see_other(f"/user/{me.username}")
    return await page("profiles/change_password.html", status_code=422, form=form)
