"""A demo person at a browser: signs in, opens a page, sends messages."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote, urlencode, urljoin

from notifier.errors import NotifierError
from notifier.loadtest.exchange import Answer, Exchange, Place

_CURSOR = re.compile(rb'data-cursor="(\d+)"')
_STREAM_URL = re.compile(rb'data-stream-url="([^"]+)"')


class CannotSignIn(NotifierError):
    """Demo people cannot sign in."""


class Visitor:
    """One demo person. `cookie` is there once `sign_in` has returned."""

    def __init__(self, place: Place, username: str) -> None:
        self.username = username
        self.cookie = ""
        self._place = place
        self._exchange = Exchange(place)
        # One request after the other on the one connection.
        self._turn = asyncio.Lock()

    async def sign_in(self, password: str) -> None:
        """Raises `CannotSignIn` with what to do about it."""
        fields = {"username": self.username, "password": password}
        answer = await self._post("/login", fields)
        if answer.status == 429:
            raise CannotSignIn(
                "The site lets nobody sign in so often: serve it with NOTIFIER_RATE_LIMITS=off."
            )
        if answer.status not in (302, 303) or not answer.cookies:
            raise CannotSignIn(
                f"{self.username} cannot sign in (status {answer.status}): "
                "does the site have so many demo people (notifier seed --people N)?"
            )
        self.cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())

    async def open_page(self) -> tuple[int, str]:
        """The cursor with which the page was rendered, and where its stream is."""
        headers = {"Cookie": self.cookie, "Accept": "text/html"}
        async with self._turn:
            answer = await self._exchange.whole("GET", "/", headers)
        cursor, stream_url = _CURSOR.search(answer.body), _STREAM_URL.search(answer.body)
        if answer.status != 200 or cursor is None or stream_url is None:
            raise CannotSignIn(f"The page of {self.username} is not Notifier's.")
        return int(cursor[1]), urljoin(self._place.origin, stream_url[1].decode())

    async def send(self, recipient: str, text: str) -> int:
        """The status of the answer; 0 when there was none."""
        try:
            answer = await self._post(f"/send_message/{quote(recipient)}", {"message": text})
        except (OSError, TimeoutError):
            await self._exchange.close()
            return 0
        return answer.status

    async def _post(self, path: str, fields: dict[str, str]) -> Answer:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json" if path != "/login" else "text/html",
            "Origin": self._place.origin,
            "Sec-Fetch-Site": "same-origin",
        }
        if self.cookie:
            headers["Cookie"] = self.cookie
        async with self._turn:
            return await self._exchange.whole("POST", path, headers, urlencode(fields).encode())

    async def close(self) -> None:
        await self._exchange.close()
