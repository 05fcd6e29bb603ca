"""The session cookie, which carries a flashed sentence to the next page and nothing else.

Quart makes the machinery that signs it anew for every request; here it is made once, and a request
without the cookie does not touch it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from itsdangerous import URLSafeTimedSerializer
from quart import Quart
from quart.sessions import SecureCookieSession, SecureCookieSessionInterface


class Sessions(SecureCookieSessionInterface):
    """Quart's own sessions, made once."""

    @lru_cache(maxsize=4)  # noqa: B019 (there is one app, and it lives as long as this)
    def get_signing_serializer(self, app: Quart) -> URLSafeTimedSerializer | None:
        return super().get_signing_serializer(app)

    async def open_session(self, app: Quart, request: Any) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return await super().open_session(app, request)
