"""One gateway process: the gateway on a socket that was handed over, then a drain, then the end."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
from collections.abc import Callable

import structlog
import uvloop

from notifier import health, schema
from notifier.drain import drain
from notifier.engine import Engine
from notifier.gateway import Gateway
from notifier.settings import Settings
from notifier.sockets import BACKLOG
from notifier.web_process import stop_signal

log = structlog.get_logger("notifier.gateway")

# Files that are no streams: the database, Redis, the log, connections that are being answered.
FILES_KEPT_FREE = 500
# A full collection walks every object of every waiting stream, and streams leave no cycles: a
# connection that is over lets go of its parts. Transactions do (SQLAlchemy's), and die young: the
# youngest are looked at once there are 10,000 (a millisecond, a megabyte), the old ones rarely.
GC_THRESHOLDS = (10_000, 50, 1_000)


def run(
    settings: Settings, fd: int, ready: Callable[[], None], metrics_fd: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once streams are answered."""
    let_others_finish()
    uvloop.run(_serve(settings, fd, ready, metrics_fd))


def let_others_finish() -> None:
    """When this process is woken, whoever has the core goes on; threads to come inherit it.

    Redis wakes one gateway after the other, and each would interrupt it in the middle of its writes
    if they share a core: switches there and back, for nothing (docs/bench/profile.md). The price is
    that on a core which somebody else fills an event waits for the end of a time slice, some
    milliseconds.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError as error:
        # Some sandboxes do not let a process choose.
        log.info("scheduling_not_chosen", reason=str(error))


def streams_most(settings: Settings) -> int:
    """How many streams this process may hold, after raising its limit on open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = max(1, min(settings.streams_per_process, hard - FILES_KEPT_FREE))
    log.info("open_files", limit=hard, streams_most=most)
    return most


async def _serve(
    settings: Settings, fd: int, ready: Callable[[], None], metrics_fd: int | None
) -> None:
    most = streams_most(settings)
    engine = Engine(settings)
    await schema.check(engine.database)
    await engine.start()
    gateway = Gateway(engine, streams_most=most)
    server = await asyncio.get_running_loop().create_server(
        gateway.connection, sock=socket.socket(fileno=fd), backlog=BACKLOG
    )
    figures = None if metrics_fd is None else await health.answer_at(engine, metrics_fd)
    stopping = stop_signal(settings)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    ready()
    seconds = await stopping
    if figures is not None:
        # From now on whoever takes our place answers.
        figures.close()
    log.info("draining", streams=engine.hub.streams, seconds=seconds)
    await drain(engine, seconds=seconds)
    server.close()
    await gateway.close()
    await engine.stop()
