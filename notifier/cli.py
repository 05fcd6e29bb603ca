"""The `notifier` command. It and `app.py` are the only modules that know all the others.

A command imports what it needs when it runs: the supervisor of `serve` reads and writes nothing,
so it starts in half the time and keeps 40 MB less than with the engine, which its processes load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from notifier.commands import configured, notify, serving
from notifier.commands.doctor import doctor
from notifier.commands.loadtest import loadtest
from notifier.commands.moderator import moderator
from notifier.commands.top import top
from notifier.commands.vapid import vapid
from notifier.errors import NotifierError, SettingsError
from notifier.supervisor import EXIT_MISCONFIGURED

Result = TypeVar("Result")


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


for command in (
    serving.serve,
    serving.gateway,
    serving.process,
    doctor,
    loadtest,
    top,
    moderator,
    notify.notify,
    vapid,
):
    main.add_command(command)


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


@main.command()
def migrate() -> None:
    """Bring the database's tables to the newest version; harmless to repeat."""
    from notifier import schema
    from notifier.database import Database

    settings = configured()

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

    settings = configured()

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
