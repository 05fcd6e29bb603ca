"""The settings page: one section for each area, each with a fragment and routes of its own.

It must never change anything itself. An area adds one line to `SECTIONS`: its fragment is
`templates/settings/_<area>.html`, and what its `load` returns is called `section` there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from quart import Blueprint, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.languages import Sentence
from notifier.signed_in import SignedIn
from notifier.web import account_data, choices, devices, presence, safety
from notifier.web.rendering import page, standing
from notifier.web.sign_in import login_required, signed_in
from notifier.web.site import site

blueprint = Blueprint("settings", __name__)

Load = Callable[[AsyncConnection, SignedIn], Awaitable[Mapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Section:
    """`load` reads what the fragment shows, in the page's own transaction."""

    area: str
    title: Sentence
    load: Load | None = None


SECTIONS = (
    Section("account", Sentence("You")),
    Section("notifications", Sentence("How you are told"), choices.section),
    Section("language", Sentence("Language")),
    Section("safety", Sentence("Being left alone"), safety.section),
    Section("presence", Sentence("What others see of you"), presence.section),
    Section("devices", Sentence("Where you are signed in"), devices.section),
    Section("your_data", Sentence("Your data"), account_data.section),
)


@blueprint.get("/settings")
@login_required()
async def index() -> Response:
    me = await signed_in()
    async with site().engine.database.read() as connection:
        found = [
            (section, await section.load(connection, me) if section.load else {})
            for section in SECTIONS
        ]
        at = await standing(connection, me.person_id)
    return await page("settings/index.html", at, sections=found)
