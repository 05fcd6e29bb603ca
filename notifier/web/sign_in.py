"""Who makes this request.

quart-auth signs and reads the cookie; what the cookie names is looked up once a request. Every
view says above its first line whether it is for signed-in people or for everybody.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import unquote, urlsplit

import structlog
from quart import Quart, current_app, request
from quart_auth import Action, AuthUser, QuartAuth

from notifier import accounts
from notifier.cookies import CookieReader, cookie_name
from notifier.errors import Refused, Unavailable
from notifier.settings import Settings
from notifier.sign_ins import REMEMBERED_SECONDS
from notifier.signed_in import SignedIn
from notifier.web.site import site

log = structlog.get_logger("notifier.web")

P = ParamSpec("P")
R = TypeVar("R")


class SignInNeeded(Refused):
    """Please sign in."""

    status = 401

    def __init__(self, *, redirects: bool = True) -> None:
        super().__init__("Please sign in to see this page.")
        self.redirects = redirects


class Visitor(AuthUser):
    """The browser that asks: perhaps a person, perhaps nobody."""

    def __init__(self, auth_id: str | None, action: Action = Action.PASS) -> None:
        super().__init__(auth_id, action)
        self.looked_up = False
        self.who: SignedIn | None = None

    async def find(self, *, quiet: bool = False) -> SignedIn | None:
        """Who it is; None when that sign-in is over. Raises `Unavailable`.

        A `quiet` look-up may wait some milliseconds to share its query.
        """
        if not self.looked_up:
            auth_id = self.auth_id
            # What is signed with our key is ours, but perhaps of an older make.
            if isinstance(auth_id, str):
                engine = site().engine
                look_up = engine.stream_sign_ins if quiet else engine.sign_ins
                self.who = await look_up.find(auth_id)
            self.looked_up = True
        return self.who


class Cookies(QuartAuth):
    """quart-auth, reading cookies with the same reader as the gateway."""

    def __init__(self, reader: CookieReader, **options: Any) -> None:
        super().__init__(**options)
        self._reader = reader

    def load_token(self, token: str, app: Quart | None = None) -> str | None:
        return self._reader.auth_id(token)


def install_cookie(app: Quart, settings: Settings) -> None:
    auth = Cookies(
        CookieReader(settings),
        cookie_name=cookie_name(settings),
        cookie_secure=settings.https,
        cookie_http_only=True,
        cookie_samesite="Lax",
        cookie_path="/",
        duration=REMEMBERED_SECONDS,
        user_class=Visitor,
    )
    auth.init_app(app)


def visitor() -> Visitor:
    """The visitor of this request."""
    extension: QuartAuth = current_app.extensions["QUART_AUTH"][0]
    return cast(Visitor, extension.load_user())


async def signed_in() -> SignedIn:
    """Who is signed in. Raises `SignInNeeded`."""
    who = await visitor().find()
    if who is None:
        raise SignInNeeded()
    return who


def start(auth_id: str, *, remember: bool) -> None:
    """Give this browser the cookie of a new sign-in."""
    extension: QuartAuth = current_app.extensions["QUART_AUTH"][0]
    extension.login_user(Visitor(auth_id, Action.WRITE_PERMANENT if remember else Action.WRITE))


def forget() -> None:
    """Take the cookie from this browser."""
    current_app.extensions["QUART_AUTH"][0].logout_user()


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Marks a view that everybody may see; a test holds the short list of them."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def login_required(
    *, redirects: bool = True, quiet: bool = False
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """For signed-in people only; others are led to `/login`, or told 401 if not `redirects`.

    A `quiet` view is asked by scripts, not by people: it does not move *last seen*.
    """

    def decorate(view: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @wraps(view)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            who = await visitor().find(quiet=quiet)
            if who is None:
                raise SignInNeeded(redirects=redirects)
            answer = await view(*args, **kwargs)
            if not quiet and time.time() - who.last_seen_at > accounts.LAST_SEEN_SECONDS:
                # Nobody waits for this write: the page is ready.
                current_app.add_background_task(_note_seen, who.person_id)
            return answer

        guarded.is_public = False  # type: ignore[attr-defined]
        return guarded

    return decorate


async def _note_seen(person_id: int) -> None:
    try:
        await accounts.seen(site().engine.database, person_id)
    except Unavailable:
        log.info("last_seen_not_noted")


def safe_next(target: str | None) -> str:
    """`target` if it is a path of this site, else `/`.

    Browsers read `\\` as `/` and drop tabs and line ends, so whatever has them is refused.
    """
    if not target or not target.startswith("/") or not target.isprintable() or "\\" in target:
        return "/"
    if unquote(target)[1:2] in {"/", "\\"} or not unquote(target).isprintable():
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def wanted_path() -> str:
    """Where to return after signing in: the page itself, if a GET can show it."""
    return request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else request.path
