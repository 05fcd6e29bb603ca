"""What is refused, as a page in the app's own look or as JSON, whichever was asked for.

It must never show what went wrong inside: that is for the log. And it keeps what somebody wrote:
a send that failed for a reason that passes can be sent again from the page that says so.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from quart import Quart, Response, jsonify, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from notifier.errors import Refused, TooMany, Unavailable
from notifier.languages import Sentence, shown
from notifier.web.rendering import page, see_other
from notifier.web.sign_in import SignInNeeded, visitor, wanted_path

# Status: heading, and a sentence for when the error brings none of its own.
WORDS = {
    400: (Sentence("We could not read that"), Sentence("Something in the request is malformed.")),
    401: (Sentence("Please sign in"), Sentence("This page is for people who are signed in.")),
    403: (Sentence("That is not allowed"), Sentence("The request was understood, and refused.")),
    404: (
        Sentence("There is nothing here"),
        Sentence("The address may be mistyped, or what was here is gone."),
    ),
    405: (Sentence("Not this way"), Sentence("This address cannot be opened like that.")),
    408: (
        Sentence("That took too long"),
        Sentence("What you sent came too slowly. Please try again."),
    ),
    413: (Sentence("That is too much"), Sentence("What you sent is larger than anything we take.")),
    415: (
        Sentence("We cannot read this kind"),
        Sentence("Send a form as application/x-www-form-urlencoded."),
    ),
    422: (
        Sentence("That will not do"),
        Sentence("Something in what you sent cannot be taken as it is."),
    ),
    429: (
        Sentence("One moment, please"),
        Sentence("That was too often in a short time. Please wait a little."),
    ),
    500: (
        Sentence("That is our fault"),
        Sentence("Something broke on our side. It has been noted."),
    ),
    503: (Sentence("We are very busy"), Sentence("The site is busy just now. Please try again.")),
}
# What is worth keeping when a form cannot be taken now; passwords never are.
KEPT_FIELDS = ("message", "body", "about_me", "username")
PASSES_BY_ITSELF = frozenset({429, 503})
SERVER_ERROR = 500
# Browsers send some hundred characters; what is longer is cut, so that what is remembered is small.
ACCEPT_MAX_CHARACTERS = 500


def install_errors(app: Quart) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(SignInNeeded, sign_in_needed)
    app.register_error_handler(HTTPException, failed)


def wants_json() -> bool:
    """Whether the request prefers JSON to a page."""
    return _prefers_json(request.headers.get("Accept", "")[:ACCEPT_MAX_CHARACTERS])


@lru_cache(maxsize=256)
def _prefers_json(accept: str) -> bool:
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted["application/json"] > accepted["text/html"]


async def sign_in_needed(error: SignInNeeded) -> Response:
    """A person is led to the sign-in page and back; a script is told."""
    if error.redirects and not wants_json():
        wanted = wanted_path()
        return see_other("/login" if wanted == "/" else f"/login?next={quote(wanted)}")
    return await refused(error)


async def refused(error: Refused) -> Response:
    response = await answer(error.status, error.message, field=error.field)
    if isinstance(error, TooMany | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def failed(error: HTTPException) -> Response:
    """Errors of the framework's: no such address, wrong method, too large, and faults of ours."""
    if error.code is None or error.response is not None:
        # A redirect of the router's, or an answer that is complete already.
        return error.get_response()  # type: ignore[return-value]
    response = await answer(error.code, None)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


async def answer(status: int, sentence: str | None, *, field: str | None = None) -> Response:
    """The error as JSON or as a page."""
    heading, usual = WORDS.get(status, WORDS[400 if status < SERVER_ERROR else SERVER_ERROR])
    sentence = shown(sentence or usual)
    if wants_json() or request.path in {"/notifications", "/stream"}:
        body = {"error": sentence, "status": status} | ({"field": field} if field else {})
        response = jsonify(body)
        response.status_code = status
        return response
    kept = await _kept() if status in PASSES_BY_ITSELF else {}
    words: dict[str, object] = {"heading": shown(heading), "sentence": sentence, "kept": kept}
    if status < SERVER_ERROR:
        try:
            return await _error_page(status, words)
        except Unavailable:
            # The page can be shown without what the database would have added.
            pass
    # Whatever broke may break again: this page asks the database nothing.
    _nobody()
    return await _error_page(status, words)


async def _error_page(status: int, words: dict[str, object]) -> Response:
    return await page("errors/error.html", None, status_code=status, status=status, **words)


def _nobody() -> None:
    """Show the page as to a stranger, without looking anybody up."""
    found = visitor()
    found.who, found.looked_up = None, True


async def _kept() -> dict[str, str]:
    if request.method != "POST":
        return {}
    form = await request.form
    return {name: form[name] for name in KEPT_FIELDS if form.get(name)}
