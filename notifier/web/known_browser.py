"""A browser in which somebody has signed in before is let past the limit that guessers fill.

Guessing from everywhere is stopped by a limit on the account; without this, whoever keeps guessing
would keep the person out as well. The cookie proves an earlier sign-in and nothing more: it signs
nobody in, and a stolen one allows only as many guesses as any single place.
"""

from __future__ import annotations

import hashlib
import secrets

from itsdangerous import BadData, URLSafeTimedSerializer
from quart import Response, request

from notifier.cookies import cookie_name
from notifier.web.site import site

COOKIE = "notifier_known"
# Long enough that somebody who comes back once a year is still known.
KNOWN_SECONDS = 400 * 24 * 3600
NUMBER_BYTES = 12


def known(name: str) -> str | None:
    """This browser's number, if the person of that name (its key) has signed in here before."""
    token = request.cookies.get(cookie_name(site().settings, COOKIE), "")
    try:
        number, whose = _signed().loads(token, max_age=KNOWN_SECONDS)
    except (BadData, ValueError, TypeError):
        return None
    return str(number) if whose == _hidden(name) else None


def remember(response: Response, name: str) -> None:
    """Make this browser known for the person of that name, who has just signed in."""
    settings = site().settings
    response.set_cookie(
        cookie_name(settings, COOKIE),
        _signed().dumps([secrets.token_urlsafe(NUMBER_BYTES), _hidden(name)]),
        max_age=KNOWN_SECONDS,
        secure=settings.https,
        httponly=True,
        samesite="Lax",
    )


def _signed() -> URLSafeTimedSerializer:
    settings = site().settings
    # itsdangerous signs with the last key and believes them all.
    keys = [*settings.old_secret_keys, settings.secret_key]
    return URLSafeTimedSerializer(keys, salt="notifier known browser")


def _hidden(name: str) -> str:
    """The name is nobody's business who looks at the cookie."""
    return hashlib.sha256(f"{site().settings.secret_key} {name}".encode()).hexdigest()[:16]
