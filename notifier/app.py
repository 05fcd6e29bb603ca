"""The web app: the one place that wires its parts together."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from quart import Quart

from notifier import schema, web
from notifier.drain import drain
from notifier.engine import Engine
from notifier.exporter import Exporter
from notifier.passwords import Passwords
from notifier.paths import TEMPLATES
from notifier.settings import Settings
from notifier.web.asgi import Streams

if TYPE_CHECKING:
    from notifier.pusher import Pusher

# The largest form is the profile: 500 characters of at most some bytes each.
BODY_MAX_BYTES = 64 * 1024
# A form of that size that takes longer to arrive is answered 408.
BODY_SECONDS = 20
# RFC 6455, section 7.4.1; whoever has not been accepted is told 403 instead.
POLICY_VIOLATION = 1008
STREAM = ("GET", "/stream")


def _note_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A browser whose network vanished is no fault, but hypercorn 0.18 lets the system's error
    (TimeoutError, after TCP_USER_TIMEOUT) escape where it closes such a connection."""
    vanished = isinstance(context.get("exception"), OSError)
    if not (vanished and "client_connected_cb" in str(context.get("message"))):
        loop.default_exception_handler(context)


class WebApp(Quart):
    """There are no WebSockets here: a handshake is refused before anything looks at it, because
    what stands at every request's way (sign-in, errors) knows requests only. Most streams are
    answered before it, too."""

    streams: Streams

    def ensure_async(self, func: Any) -> Any:
        """As Quart's, which is asked some eight times a request and looks closely each time."""
        code = getattr(func, "__code__", None)
        if code is not None and code.co_flags & inspect.CO_COROUTINE:
            return func
        return super().ensure_async(func)

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        is_stream = scope["type"] == "http" and (scope["method"], scope["path"]) == STREAM
        if not (is_stream and await self.streams.answered(scope, receive, send)):
            await super().asgi_app(scope, receive, send)


def create_app(settings: Settings) -> Quart:
    """The app of one process. Nothing is connected before the server starts it."""
    app = WebApp(
        "notifier",
        template_folder=str(TEMPLATES),
        static_folder=None,
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SECRET_KEY_FALLBACKS=settings.old_secret_keys,
        MAX_CONTENT_LENGTH=BODY_MAX_BYTES,
        BODY_TIMEOUT=BODY_SECONDS,
    )
    engine = Engine(settings)
    app.streams = Streams(settings, engine)
    passwords = Passwords(settings.password_hashers)
    exporter = Exporter(engine)
    web.install(app, settings, engine, passwords, exporter)

    pushers: list[Pusher] = []

    @app.before_serving
    async def start() -> None:
        asyncio.get_running_loop().set_exception_handler(_note_fault)
        await schema.check(engine.database)
        await engine.start()
        if settings.vapid_private_key:
            # What it needs takes half a second to load and some megabytes.
            from notifier.pusher import Pusher

            pushers.append(Pusher(engine))
            pushers[0].start()
        await passwords.prepare()
        exporter.start()

    @app.after_serving
    async def stop() -> None:
        await drain(engine, seconds=0)
        for pusher in pushers:
            await pusher.stop()
        await exporter.stop()
        passwords.close()
        await engine.stop()

    return app
