"""`serve`, `gateway` and `process`: running the processes of one machine."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn
from urllib.parse import urlsplit

import click

from notifier import exposition, fork_server
from notifier.commands import configured
from notifier.errors import SettingsError
from notifier.settings import Settings
from notifier.sockets import listen, next_port, parse_bind
from notifier.supervisor import Slot, Supervisor, command_for

NEEDS_REDIS = (
    "More than one process needs Redis to reach each other's streams: "
    "set REDIS_URL, or serve with one worker."
)


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--gateways", default=0, show_default=True, type=click.IntRange(0, 256))
@click.option(
    "--gateway-bind",
    metavar="HOST:PORT",
    help="Where the gateways listen.  [default: the next port after --bind]",
)
def serve(bind: str, workers: int, gateways: int, gateway_bind: str | None) -> None:
    """Serve the app until SIGTERM or Ctrl-C; replaces processes that die.

    SIGHUP replaces every process, one after the other, without refusing a request. More than
    one process needs REDIS_URL: without it, messages sent through one would not be heard in
    the others. --gateways adds processes that serve the streams alone; the pages use them.
    """
    settings = configured()
    if workers > 1 and not settings.redis_url:
        raise SettingsError(NEEDS_REDIS)
    if gateways and not settings.redis_url:
        click.echo(
            "notifier: without REDIS_URL a gateway would hear nothing, so none is started: "
            "the web process serves the streams.",
            err=True,
        )
        gateways = 0
    slots = _slots("web", listen(bind), workers)
    if gateways:
        gateway_bind = gateway_bind or next_port(bind)
        slots += _slots("gateway", listen(gateway_bind), gateways)
        os.environ.update(_addresses_for_pages(settings, bind, gateway_bind))
    click.echo(f"Notifier serves on http://{bind} (Ctrl-C ends it)", err=True)
    _supervise(slots, settings)


@click.command()
@click.option("--bind", default="127.0.0.1:8001", show_default=True, metavar="HOST:PORT")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 256))
def gateway(bind: str, processes: int) -> None:
    """Serve streams only, cheaply, until SIGTERM or Ctrl-C; replaces processes that die.

    Tell the web processes where it is with NOTIFIER_STREAM_URL, or put it behind the same proxy
    at /stream. It needs REDIS_URL: that is how it hears of messages.
    """
    settings = configured()
    if not settings.redis_url:
        raise SettingsError("A gateway hears of messages through Redis: set REDIS_URL.")
    slots = _slots("gateway", listen(bind), processes)
    click.echo(f"The gateway serves streams on http://{bind} (Ctrl-C ends it)", err=True)
    _supervise(slots, settings)


def _slots(kind: str, listening: socket.socket, count: int) -> list[Slot]:
    fd = listening.detach()
    return [Slot(f"{kind}-{number}", kind, {"socket": fd}) for number in range(1, count + 1)]


def _supervise(slots: list[Slot], settings: Settings) -> NoReturn:
    asking = listen(settings.metrics_bind) if settings.metrics_bind else None
    watched = [] if asking is None else [_watched(slot) for slot in slots]
    supervisor = Supervisor(slots, command_for, drain_seconds=settings.drain_seconds)

    async def supervise() -> int:
        if asking is None:
            return await supervisor.run()
        async with await exposition.answer_all(asking, watched, settings.metrics_token):
            return await supervisor.run()

    sys.exit(asyncio.run(supervise()))


def _watched(slot: Slot) -> exposition.Watched:
    """Give the process of `slot`, and whichever follows it, a socket to tell its figures at."""
    listening = exposition.own_socket()
    address = exposition.address_of(listening)
    slot.fds["metrics"] = listening.detach()
    return exposition.Watched(slot.name, slot.kind, address, lambda: slot.ended_abnormally)


def _addresses_for_pages(settings: Settings, bind: str, gateway_bind: str) -> dict[str, str]:
    """What our processes must know so that the pages find the gateway, unless it is set."""
    public_url = settings.public_url or f"http://{bind}"
    parts = urlsplit(public_url)
    stream_url = f"{parts.scheme}://{parts.hostname}:{parse_bind(gateway_bind)[1]}/stream"
    return {
        "NOTIFIER_PUBLIC_URL": public_url,
        "NOTIFIER_STREAM_URL": settings.stream_url or stream_url,
    }


@click.command(hidden=True)
@click.argument("kind", type=click.Choice(["web", "gateway"]))
@click.option("--control", "control_fd", type=int, required=True)
def process(kind: str, control_fd: int) -> None:
    """A fork server for processes of one kind, and each of them; the supervisor starts it."""
    door = import_module(f"notifier.{kind}_process")
    gc.collect()
    # What is there now stays, and whoever looks for garbage would write on it: each process would
    # get a copy of its own.
    gc.freeze()
    order = fork_server.serve(socket.socket(fileno=control_fd))
    if order is None:
        return
    settings = configured()
    fds = order.fds
    threading.Thread(target=_end_with, args=(fds["life"],), daemon=True).start()
    door.run(settings, fds["socket"], _say_ready(fds["ready"]), fds.get("metrics"))


def _say_ready(fd: int) -> Callable[[], None]:
    def say() -> None:
        os.write(fd, b"ready")
        os.close(fd)

    return say


def _end_with(life_fd: int) -> None:
    """Stop when the supervisor is gone: its end of the pipe closes, however it died."""
    import signal

    os.read(life_fd, 1)
    os.kill(os.getpid(), signal.SIGTERM)
