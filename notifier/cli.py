"""The `notifier` command. It and `app.py` are the only modules that know all the others.

A command imports what it needs when it runs: the supervisor of `serve` reads and writes nothing,
so it starts in half the time and keeps 40 MB less than with the engine, which its processes load.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import click
import orjson

from notifier import logs
from notifier.errors import NotifierError, SettingsError
from notifier.settings import Settings
from notifier.sockets import listen, next_port, parse_bind
from notifier.supervisor import EXIT_MISCONFIGURED, Slot, Supervisor, command_for

Result = TypeVar("Result")

NEEDS_REDIS = (
    "More than one process needs Redis to reach each other's streams: "
    "set REDIS_URL, or serve with one worker."
)


class _Command(click.Group):
    """Turns our own errors into one sentence and an exit code, whichever command raised it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.echo(f"notifier: {error}", err=True)
            ctx.exit(EXIT_MISCONFIGURED)
        except NotifierError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="notifier")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Notifier: private messages, and a badge that is right in every open window at once.

    Settings come from the environment and from a file .env in the working directory; the
    README lists them all. Exit codes: 0 done, 1 it failed (the message says why), 2 the command
    line is wrong, 3 the settings or the database's schema are wrong.
    """


def _settings() -> Settings:
    settings = Settings.load()
    logs.configure(development=settings.development)
    return settings


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


@main.command()
def migrate() -> None:
    """Bring the database's tables to the newest version; harmless to repeat."""
    from notifier import schema
    from notifier.database import Database

    settings = _settings()

    async def work() -> tuple[str | None, str | None]:
        database = Database(settings)
        try:
            return await schema.migrate(database)
        finally:
            await database.close()

    before, after = _run(work())
    click.echo(
        f"The database is at revision {after} already."
        if before == after
        else f"The database went from revision {before or 'nothing'} to {after}."
    )


@main.command()
@click.option("--people", default=20, show_default=True, type=click.IntRange(0, 100_000))
@click.option("--force", is_flag=True, help="Also when real people are in the database.")
def seed(people: int, force: bool) -> None:
    """Fill the database with demo people; harmless to repeat.

    harry and gitau, both with the password 12345678, and made-up people with profiles, posts
    and messages. Refused when the database holds real people, unless --force is given.
    """
    from notifier import schema
    from notifier.database import Database
    from notifier.passwords import Passwords
    from notifier.seed import seed as plant

    settings = _settings()

    async def work() -> Any:
        database, passwords = Database(settings), Passwords(settings.password_hashers)
        try:
            await schema.check(database)
            return await plant(database, passwords, people=people, force=force)
        finally:
            passwords.close()
            await database.close()

    _run(work())
    click.echo("Sign in as harry or gitau, password 12345678.")


@main.command()
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
    settings = _settings()
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


@main.command()
@click.option("--bind", default="127.0.0.1:8001", show_default=True, metavar="HOST:PORT")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 256))
def gateway(bind: str, processes: int) -> None:
    """Serve streams only, cheaply, until SIGTERM or Ctrl-C; replaces processes that die.

    Tell the web processes where it is with NOTIFIER_STREAM_URL, or put it behind the same proxy
    at /stream. It needs REDIS_URL: that is how it hears of messages.
    """
    settings = _settings()
    if not settings.redis_url:
        raise SettingsError("A gateway hears of messages through Redis: set REDIS_URL.")
    slots = _slots("gateway", listen(bind), processes)
    click.echo(f"The gateway serves streams on http://{bind} (Ctrl-C ends it)", err=True)
    _supervise(slots, settings)


def _slots(kind: str, listening: socket.socket, count: int) -> list[Slot]:
    fd = listening.detach()
    return [
        Slot(f"{kind}-{number}", command_for(kind, fd), (fd,)) for number in range(1, count + 1)
    ]


def _supervise(slots: list[Slot], settings: Settings) -> NoReturn:
    supervisor = Supervisor(slots, drain_seconds=settings.drain_seconds)
    sys.exit(asyncio.run(supervisor.run()))


def _addresses_for_pages(settings: Settings, bind: str, gateway_bind: str) -> dict[str, str]:
    """What our processes must know so that the pages find the gateway, unless it is set."""
    public_url = settings.public_url or f"http://{bind}"
    parts = urlsplit(public_url)
    stream_url = f"{parts.scheme}://{parts.hostname}:{parse_bind(gateway_bind)[1]}/stream"
    return {
        "NOTIFIER_PUBLIC_URL": public_url,
        "NOTIFIER_STREAM_URL": settings.stream_url or stream_url,
    }


@main.command(hidden=True)
@click.argument("kind", type=click.Choice(["web", "gateway"]))
@click.option("--socket", "socket_fd", type=int, required=True)
@click.option("--life", "life_fd", type=int, required=True)
@click.option("--ready", "ready_fd", type=int, required=True)
def process(kind: str, socket_fd: int, life_fd: int, ready_fd: int) -> None:
    """One process of `serve`; the supervisor starts it."""
    settings = _settings()
    threading.Thread(target=_end_with, args=(life_fd,), daemon=True).start()
    if kind == "web":
        from notifier import web_process

        web_process.run(settings, socket_fd, _say_ready(ready_fd))
    else:
        from notifier import gateway_process

        gateway_process.run(settings, socket_fd, _say_ready(ready_fd))


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


@main.command()
@click.argument("username")
@click.argument("name")
@click.argument("payload")
@click.option("--keep", is_flag=True, help="Keep it in the log; without, it replaces the last one.")
def notify(username: str, name: str, payload: str, keep: bool) -> None:
    """Tell a person's browsers something: PAYLOAD is JSON, NAME its kind.

    For example: notifier notify harry export_progress '{"percent": 40}'
    """
    from notifier import accounts, notifications, schema
    from notifier.engine import Engine

    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"PAYLOAD is not JSON: {error}") from None
    settings = _settings()

    async def work() -> int:
        engine = Engine(settings)
        await schema.check(engine.database)
        await engine.bus.start(engine.hub)
        try:
            async with engine.database.write() as connection:
                person = await accounts.find_person(connection, username)
                events = await notifications.record(
                    connection,
                    person.id,
                    [notifications.New(name, value, keep)],
                    kept_most=settings.kept_notifications,
                )
            engine.publish(events)
            return events[-1].sequence
        finally:
            await engine.stop()

    try:
        sequence = _run(work())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    click.echo(f"Notification {sequence} of {username} is recorded and published.")
