"""What the gateway says: the head of a stream, and the short answers to everything else."""

from __future__ import annotations

import random
from email.utils import formatdate

from notifier import headers, sse
from notifier.http1 import METHODS, Answer, Wanted, head
from notifier.settings import Settings

# How long a browser may remember that our own pages may ask here, in seconds.
PREFLIGHT_SECONDS = 3600
# A process or an address that holds all the streams it may: come back much later, spread out.
FULL_RETRY_MIN_MS = 20_000
FULL_RETRY_MAX_MS = 60_000
# Pauses to choose from for those who begin: enough to spread any crowd, made once.
BEGINNINGS = 128

SIGN_IN = Answer(401, "Please sign in.\n")
NOT_FOUND = Answer(404, "Streams are at /stream; there is nothing else here.\n")
NOT_ALLOWED = Answer(405, "Only GET is answered here.\n", (("Allow", METHODS),))
OTHER_ORIGIN = Answer(403, "Only this site's own pages may listen here.\n")


class Answers:
    """The bytes of every answer, the constant parts made once."""

    def __init__(self, settings: Settings) -> None:
        self._origin = settings.public_origin
        self._always = tuple(headers.always(settings).items())
        cors: tuple[tuple[str, str], ...] = ()
        if self._origin:
            cors = (
                ("Access-Control-Allow-Origin", self._origin),
                ("Access-Control-Allow-Credentials", "true"),
                ("Vary", "Origin"),
            )
        self._cors = cors
        self.stream_head = head(
            200, (*sse.HEADERS.items(), ("Connection", "close"), *cors, *self._always)
        )
        self._beginnings = [self.stream_head + sse.retry() for _ in range(BEGINNINGS)]

    def stream_begins(self) -> bytes:
        """The first bytes of a stream: its head, and the random pause for its browser's return."""
        return self._beginnings[int(random.random() * BEGINNINGS)]

    def allows(self, wanted: Wanted) -> bool:
        """Whether a page of the request's origin may read what we say."""
        return not wanted.origin or not self._origin or wanted.origin.lower() == self._origin

    def short(self, answer: Answer, *, with_body: bool = True) -> bytes:
        """All bytes of a short answer; for HEAD without the body, but with its length."""
        body = answer.body.encode()
        return head(
            answer.status,
            (
                ("Date", formatdate(usegmt=True)),
                ("Content-Type", answer.content_type),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
                ("Cache-Control", "no-store"),
                *answer.headers,
                *self._cors,
                *self._always,
            ),
        ) + (body if with_body else b"")

    def preflight(self) -> bytes:
        """The answer to OPTIONS: what may be asked, and by whom."""
        return head(
            204,
            (
                ("Allow", METHODS),
                ("Access-Control-Allow-Methods", METHODS),
                ("Access-Control-Allow-Headers", "Last-Event-ID, Cache-Control"),
                ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
                ("Connection", "close"),
                *self._cors,
                *self._always,
            ),
        )
