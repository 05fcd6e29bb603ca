"""Which language a request is answered in: what was chosen in this browser, else what it wants."""

from __future__ import annotations

from functools import lru_cache

from quart import Blueprint, Response, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from notifier.cookies import cookie_name
from notifier.errors import BadRequest
from notifier.languages import SOURCE, languages, speak
from notifier.web.rendering import see_other
from notifier.web.sign_in import public, safe_next
from notifier.web.site import site

blueprint = Blueprint("languages", __name__)

COOKIE = "notifier_language"
KEPT_SECONDS = 400 * 24 * 3600
# Browsers send some dozen characters; what is longer is cut rather than parsed.
HEADER_MAX_CHARACTERS = 200


async def speak_theirs() -> None:
    """Runs before every view."""
    chosen = request.cookies.get(cookie_name(site().settings, COOKIE))
    wanted = request.headers.get("Accept-Language", "")[:HEADER_MAX_CHARACTERS]
    speak(chosen if chosen in languages() else _best(wanted))


@lru_cache(maxsize=256)
def _best(wanted: str) -> str:
    accepted = parse_accept_header(wanted, LanguageAccept)
    return accepted.best_match(languages(), default=SOURCE)


@blueprint.post("/language")
@public
async def choose() -> Response:
    """From the switch at the foot of every page, back to where it was used."""
    chosen = (await request.form).get("language", "")
    if chosen not in languages():
        raise BadRequest("That language is not spoken here.")
    response = see_other(safe_next(request.args.get("next")))
    settings = site().settings
    response.set_cookie(
        cookie_name(settings, COOKIE),
        chosen,
        max_age=KEPT_SECONDS,
        secure=settings.https,
        httponly=True,
        samesite="Lax",
    )
    return response
