"""One web process: hypercorn on a socket that was handed over, and a drain before it stops."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable

import structlog
import uvloop

from notifier import early_answers, health, schema
from notifier.app import create_app
from notifier.drain import drain
from notifier.engine import Engine
from notifier.settings import Settings
from notifier.sockets import BACKLOG
from notifier.web_server import WebConfig, serve

log = structlog.get_logger("notifier.web")

# For requests in flight after the streams have ended, and for those who read slowly; the rest of
# the 2 s in which all must be gone is for closing what the process has open.
GRACEFUL_SECONDS = 1.0
# Long enough for a browser to reuse its connection for the next page; it also bounds how long
# the headers of a request may take. hypercorn's `read_timeout` stays unset: it ends a connection
# whose client sends nothing, and that is what a stream's client does.
KEEP_ALIVE_SECONDS = 30
# Python's own first threshold is 700 objects, and one connect makes about as many that stay.
GC_THRESHOLDS = (10_000, 10, 10)
# With Ctrl-C somebody is waiting for the prompt.
INTERRUPTED_DRAIN_SECONDS = 1.0


def config_for() -> WebConfig:
    """hypercorn's settings for one process."""
    config = WebConfig()
    # hypercorn listens once more on the socket; with its own 100, whoever comes beyond them when
    # everybody returns at once waits for their kernel to try again, or is refused.
    config.backlog = BACKLOG
    config.include_server_header = False
    config.graceful_timeout = GRACEFUL_SECONDS
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.h11_max_incomplete_size = 32 * 1024
    config.accesslog = None
    config.errorlog = "-"
    config.loglevel = "WARNING"
    return config


def run(
    settings: Settings, fd: int, ready: Callable[[], None], metrics_fd: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once requests are answered."""
    uvloop.run(_serve(settings, fd, ready, metrics_fd))


async def _serve(
    settings: Settings, fd: int, ready: Callable[[], None], metrics_fd: int | None
) -> None:
    app = create_app(settings)
    early_answers.protect(settings)
    engine: Engine = app.extensions["notifier"].engine
    # The app does it too, but what is raised in there hypercorn turns into another error.
    await schema.check(engine.database)
    stopping = stop_signal(settings)

    config = config_for()

    async def shutdown() -> None:
        # Called once the app has started and the socket is served.
        figures = None if metrics_fd is None else await health.answer_at(engine, metrics_fd)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        ready()
        seconds = await stopping
        if figures is not None:
            # From now on whoever takes our place answers.
            figures.close()
        log.info("draining", streams=engine.hub.streams, seconds=seconds)
        # Whoever keeps a connection goes elsewhere with the next request.
        config.keep_alive_max_requests = 0
        await drain(engine, seconds=seconds)

    await serve(app, config, socket.socket(fileno=fd), shutdown)


def stop_signal(settings: Settings) -> asyncio.Future[float]:
    """Done at the first SIGTERM or SIGINT, with the seconds that the drain may take."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[float] = loop.create_future()

    def stop(seconds: float) -> None:
        if not stopping.done():
            stopping.set_result(seconds)

    loop.add_signal_handler(signal.SIGTERM, stop, settings.drain_seconds)
    loop.add_signal_handler(
        signal.SIGINT, stop, min(settings.drain_seconds, INTERRUPTED_DRAIN_SECONDS)
    )
    return stopping
