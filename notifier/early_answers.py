"""What hypercorn answers by itself, before the app has seen a request, protects its reader too.

A request line that is no HTTP (400) or a head that is too long (431) never reaches the app, which
puts those headers on everything else.
"""

from __future__ import annotations

from typing import Any, ClassVar

import h11
import hypercorn.protocol
from hypercorn.protocol.h11 import H11Protocol

from notifier.headers import always
from notifier.settings import Settings


class Protecting(H11Protocol):
    """A connection whose errors carry the headers too."""

    headers: ClassVar[list[tuple[bytes, bytes]]] = []

    async def _send_error_response(self, status_code: int) -> None:
        own: list[Any] = [*self.headers, *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=own))
        await self._send_h11_event(h11.EndOfMessage())


def protect(settings: Settings) -> None:
    """From now on, for every connection of this process.

    hypercorn 0.18 has no setting for it (its headers would go on every answer of the app a second
    time), so the class that it looks up by name for each connection is one of ours.
    """
    said = {"Content-Length": "0", "Connection": "close", "Cache-Control": "no-store"}
    Protecting.headers = [
        (name.lower().encode(), value.encode()) for name, value in (said | always(settings)).items()
    ]
    hypercorn.protocol.H11Protocol = Protecting  # type: ignore[attr-defined]
