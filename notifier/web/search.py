"""Finding people by name, and words in one's own messages, while somebody types or in a page."""

from __future__ import annotations

from typing import Any

from limits import RateLimitItemPerMinute
from quart import Blueprint, Response, jsonify, request

from notifier import search
from notifier.web import limits
from notifier.web.errors import wants_json
from notifier.web.rendering import fragment, page, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("search", __name__)

# Somebody who types asks a few times a word.
SEARCH_PERSON = RateLimitItemPerMinute(120)


@blueprint.get("/people")
@login_required(redirects=False)
async def people() -> Response:
    """People whose name begins with `?q=`: their names and nothing else."""
    me, asked = await signed_in(), request.args.get("q", "")
    await limits.spend(SEARCH_PERSON, "search", str(me.person_id))
    async with site().engine.database.read() as connection:
        found = await search.people(connection, me.person_id, asked)
    if wants_json():
        return jsonify([{"username": person.username} for person in found])
    return await fragment("conversations/_people.html", people=found)


@blueprint.get("/search")
@login_required()
async def everything() -> Response:
    """People by name and messages by words; `?part=found` is the fragment for a script."""
    me, asked = await signed_in(), request.args.get("q", "").strip()
    await limits.spend(SEARCH_PERSON, "search", str(me.person_id))
    async with site().engine.database.read() as connection:
        content: dict[str, Any] = {
            "asked": asked,
            "people": await search.people(connection, me.person_id, asked),
            "found": await search.messages(connection, me.person_id, asked),
        }
        at = await standing(connection, me.person_id)
    if request.args.get("part") == "found":
        return await fragment("conversations/_found.html", **content)
    return await page("conversations/search.html", at, **content)
