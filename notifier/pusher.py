"""Sends the pushes that are due, behind everybody's back: no send and no page ever waits for it.

It owns the way to the push services. What a push says is encrypted for the one browser that it is
for, and signed with our VAPID key; the service in between reads nothing but the address.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException

from notifier import pushes
from notifier.engine import Engine
from notifier.errors import Refused, Unavailable
from notifier.languages import counted, speaking
from notifier.push_addresses import check_endpoint, is_public
from notifier.pushes import Due

log = structlog.get_logger("notifier.pusher")

# Requests under way at once.
AT_ONCE = 10
# A push service that does not answer is tried again later.
REQUEST_SECONDS = 10.0
# How long a service keeps a push for a browser that is off: news of yesterday are none.
TTL_SECONDS = 24 * 3600
# Signed for this long, so that a signature serves many pushes; RFC 8292 allows a day.
SIGNED_SECONDS = 12 * 3600
# Pauses after failures in a row: a minute, two, four … and at most six hours; then it is given up.
FIRST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0
RETRIES_MOST = 8
# Encrypted and padded a push must stay below 4,096 bytes (RFC 8291).
PAYLOAD_MAX_BYTES = 3_000
GONE = frozenset({404, 410})
TOO_MANY = 429
SERVER_ERROR = 500
# Looks in the time after which a push is due.
LOOKS = 3


class PublicResolver(AbstractResolver):
    """Resolves names to addresses of the open internet only."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        allowed = [
            ResolveResult(
                hostname=host, host=str(place[0]), port=port, family=kind, proto=proto, flags=0
            )
            for kind, _type, proto, _name, place in found
            if is_public(str(place[0]))
        ]
        if not allowed:
            raise OSError("not an address of the open internet")
        return allowed

    async def close(self) -> None:
        """Nothing is kept."""


class Pusher:
    """One web process's sender."""

    def __init__(self, engine: Engine) -> None:
        settings = engine.settings
        self._database = engine.database
        self._after_seconds = settings.push_after_seconds
        self._anywhere = settings.development
        self._subject = settings.vapid_subject
        self._vapid = Vapid02.from_raw(settings.vapid_private_key.encode())
        self._signed: dict[str, tuple[float, str]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _run(self) -> None:
        while True:
            # Not all processes at once.
            await asyncio.sleep(self._after_seconds / LOOKS * random.uniform(0.6, 1))
            try:
                await self.look()
            except Unavailable as error:
                log.warning("pushes_put_off", reason=str(error))
            except Exception:
                # A fault of ours in one look must not end the looks after it.
                log.exception("pushes_failed")

    async def look(self) -> int:
        """Send what is due; how many pushes."""
        wanted = await pushes.due(self._database, time.time(), after_seconds=self._after_seconds)
        if not wanted:
            return 0
        claimed = await pushes.claim(self._database, wanted)
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._push(one, room) for one in claimed))
        return len(claimed)

    async def _push(self, one: Due, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                status, retry_after = await self._post(one)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                log.info("push_not_taken", reason=type(error).__name__)
                status, retry_after = SERVER_ERROR, 0.0
            except (Refused, WebPushException, ValueError) as error:
                # Nothing can ever be sent there.
                log.info("push_impossible", reason=type(error).__name__)
                status, retry_after = min(GONE), 0.0
        await self._note(one, status, retry_after)

    async def _note(self, one: Due, status: int, retry_after: float) -> None:
        if status in GONE:
            await pushes.gone(self._database, one)
        elif status == TOO_MANY or status >= SERVER_ERROR:
            again = one.failures < RETRIES_MOST
            retry_at = time.time() + max(pause(one.failures), retry_after) if again else None
            await pushes.failed(self._database, one, retry_at)
        elif status >= 300:
            # Our request is at fault: to repeat it would not help.
            log.warning("push_refused", status=status, service=urlsplit(one.endpoint).hostname)
            await pushes.failed(self._database, one, None)
        else:
            await pushes.succeeded(self._database, one)

    async def _post(self, one: Due) -> tuple[int, float]:
        """The status, and how many seconds the service asks us to wait."""
        check_endpoint(one.endpoint, anywhere=self._anywhere)
        subscription = {
            "endpoint": one.endpoint,
            "keys": {"p256dh": one.p256dh, "auth": one.auth},
        }
        body = WebPusher(subscription).encode(orjson.dumps(content(one)))["body"]
        headers = {
            "Authorization": self._signature(one.endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(TTL_SECONDS),
            "Urgency": "high",
        }
        async with self._way().post(
            one.endpoint, data=body, headers=headers, allow_redirects=False
        ) as answer:
            asked = answer.headers.get("Retry-After", "")
            seconds = float(asked) if asked.isascii() and asked.isdecimal() else 0.0
            return answer.status, min(seconds, LONGEST_PAUSE_SECONDS)

    def _way(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._anywhere else PublicResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, limit=AT_ONCE),
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _signature(self, endpoint: str) -> str:
        """The header by which the service knows us; one for each service."""
        parts = urlsplit(endpoint)
        audience, now = f"{parts.scheme}://{parts.netloc}", time.time()
        until, header = self._signed.get(audience, (0.0, ""))
        if until - now < SIGNED_SECONDS / 2:
            until = now + SIGNED_SECONDS
            claims = {"aud": audience, "exp": int(until), "sub": self._subject}
            header = str(self._vapid.sign(claims)["Authorization"])
            # A browser names the service, so garbage must not fill the memory.
            if len(self._signed) >= pushes.DUE_MOST:
                self._signed.clear()
            self._signed[audience] = until, header
        return header


def content(one: Due) -> dict[str, Any]:
    """What the browser is told: as much as it shows, and nothing else."""
    last = one.pending[-1]
    with speaking(one.language):
        title, text = last.line.title, last.line.text
        if len(one.pending) > 1:
            count = len(one.pending)
            text = title
            title = counted("%(num)s new notification", "%(num)s new notifications", count)
    told = {
        "title": title,
        "body": text,
        # The same that a page's own has: were both to come, they would be one.
        "tag": f"notifier-{last.sequence}",
        "link": f"/notifications/{last.sequence}"
        if len(one.pending) == 1
        else "/notifications/all",
        "count": one.unseen.messages + one.unseen.others,
    }
    if len(orjson.dumps(told)) > PAYLOAD_MAX_BYTES:
        told["body"] = ""
    return told


def pause(failures: int) -> float:
    """How long to wait after so many failures before, ±20 % so that services get no bursts."""
    pause_seconds = min(FIRST_PAUSE_SECONDS * 2.0**failures, LONGEST_PAUSE_SECONDS)
    return pause_seconds * random.uniform(0.8, 1.2)
