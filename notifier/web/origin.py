"""Refuses every request that would change something unless it comes from our own pages.

Two witnesses, and no token in the forms. `Sec-Fetch-Site` is written by the browser and cannot be
set by a page; `Origin` is sent by every browser with every POST. Whichever is there must agree, and
at least one must be there: a request that says nothing of where it comes from may be an old
browser's, carrying the cookie of somebody who never meant it. So a program that posts sends
`Origin: <the public address>`, which costs it one line.

The rejected choice is a token per form: it needs a session before the first page, breaks pages that
stay open for a day, and protects no better in any browser of the last years.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from quart import request

from notifier.errors import Forbidden
from notifier.languages import Sentence
from notifier.settings import origin_of
from notifier.web.site import site

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# "none": the person's own doing (typed, reloaded, from a bookmark), no page's.
OUR_FETCH_SITES = frozenset({"same-origin", "none"})
# An origin and a host: neither name can be longer than 253 characters (RFC 1035), and what is
# remembered stays small.
ORIGIN_MAX_CHARACTERS = 600
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_ELSEWHERE = Sentence("This came from another site, so nothing was changed.")
_NOWHERE = Sentence(
    "This request does not say where it comes from, so nothing was changed. "
    "A program sends the header Origin with the address of this site."
)


async def refuse_other_origins() -> None:
    """Runs before every view. Raises `Forbidden`."""
    if request.method in SAFE_METHODS:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if fetch_site is None and origin is None:
        raise Forbidden(_NOWHERE)
    if fetch_site is not None and fetch_site.strip().lower() not in OUR_FETCH_SITES:
        raise Forbidden(_ELSEWHERE)
    if origin is not None and not is_ours(origin):
        raise Forbidden(_ELSEWHERE)


def is_ours(origin: str) -> bool:
    """Whether `origin` is the public address; without one configured, the host that was asked."""
    public = site().settings.public_origin
    host = "" if public else request.host
    if len(origin) + len(host) > ORIGIN_MAX_CHARACTERS:
        return False
    return _agree(origin, public, host)


@lru_cache(maxsize=256)
def _agree(origin: str, public: str, host: str) -> bool:
    try:
        theirs = urlsplit(origin_of(origin))
        # What is no bare origin (a path, a user's name, "null") is nobody's.
        if not theirs.netloc or urlsplit(origin).path or "@" in origin:
            return False
        if not public:
            # The scheme is not compared: behind a proxy that ends TLS we cannot know it.
            return theirs.netloc == urlsplit(origin_of(f"{theirs.scheme}://{host}")).netloc
    except ValueError:
        return False
    ours = urlsplit(public)
    return theirs == ours or _same_machine(theirs.netloc, ours.netloc)


def _same_machine(one: str, other: str) -> bool:
    """localhost:8000 and 127.0.0.1:8000 are two names for the demo on one's own machine."""
    (host, colon, port), (other_host, _, other_port) = _split(one), _split(other)
    return bool(colon) and port == other_port and {host, other_host} <= LOOPBACK


def _split(netloc: str) -> tuple[str, str, str]:
    host, colon, port = netloc.rpartition(":")
    return host, colon, port
