"""The common page."""

from __future__ import annotations

from quart import Blueprint, Response, flash

from notifier import posts
from notifier.first_steps import first_steps
from notifier.languages import _
from notifier.web import limits
from notifier.web.forms import PostForm
from notifier.web.query import existing, page_number
from notifier.web.rendering import page, see_other, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("posts", __name__)


@blueprint.get("/")
@blueprint.get("/index")
@login_required()
async def index() -> Response:
    return await _index(PostForm(), page_number(), 200)


@blueprint.post("/")
@blueprint.post("/index")
@login_required()
async def write() -> Response:
    me = await signed_in()
    form = await PostForm.submitted()
    if not form.validate():
        return await _index(form, 1, 422)
    await limits.spend(limits.POST_PERSON, "post", str(me.person_id))
    await posts.write(site().engine.database, me.person_id, form.body.data)
    await flash(_("Your post is now live."), "good")
    return see_other("/")


async def _index(form: PostForm, number: int, status: int) -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        found = await posts.everybody(
            connection, me.person_id, number, site().settings.posts_per_page
        )
        # They stand above the first page only.
        steps = await first_steps(connection, me.person_id) if number == 1 else None
        at = await standing(connection, me.person_id)
    return await page(
        "posts/index.html",
        at,
        status_code=status,
        page=existing(found),
        form=form,
        steps=steps,
    )
