"""A push service of the tests' own: keeps what it is given, and reads it as the browser would."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from notifier import vapid


@dataclass
class Browser:
    """A browser's half of a subscription: the keys that only it has."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def fields(self) -> dict[str, str]:
        """What it tells the site."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "endpoint": self.endpoint,
            "p256dh": vapid.encoded(point),
            "auth": vapid.encoded(self.secret),
        }

    def read(self, body: bytes) -> dict[str, Any]:
        text = http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.secret, version="aes128gcm"
        )
        told = json.loads(text)
        assert isinstance(told, dict)
        return told


class PushService:
    """Takes pushes on a free port. `answers` are the statuses of the next ones; then 201."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self._browsers: dict[str, Browser] = {}

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    def browser(self, name: str) -> Browser:
        return self._browsers.setdefault(name, Browser(f"{self.url}/{name}"))

    @property
    def told(self) -> list[dict[str, Any]]:
        """What browsers showed, in order; each push must be ours, signed and encrypted."""
        return [self._browsers[name].read(body) for name, _headers, body in self.taken]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert Vapid02.verify(request.headers["Authorization"]), "not signed"
        assert request.headers["Content-Encoding"] == "aes128gcm"
        assert int(request.headers["TTL"]) > 0
        status = self.answers.pop(0) if self.answers else 201
        if status == 201:
            self.taken.append((request.match_info["name"], dict(request.headers), body))
        return web.Response(status=status)
