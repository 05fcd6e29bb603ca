"""`notifier moderator`: who reads the reports of this site."""

from __future__ import annotations

import asyncio

import click

from notifier.commands import configured


@click.command()
@click.argument("username")
@click.option("--remove", is_flag=True, help="Take the role away.")
def moderator(username: str, remove: bool) -> None:
    """Make a person a moderator: they see reports at /moderation, warn and suspend.

    It holds from their next page on. Exit codes: 0 done, 1 there is no such person or the
    database is away, 3 the settings or the tables are wrong.
    """
    asyncio.run(_set(username, not remove))
    click.echo(f"{username} is {'no longer' if remove else 'now'} a moderator.")


async def _set(username: str, is_moderator: bool) -> None:
    from notifier import reports, schema
    from notifier.database import Database

    database = Database(configured())
    try:
        await schema.check(database)
        async with database.write() as connection:
            await reports.set_moderator(connection, username, moderator=is_moderator)
    finally:
        await database.close()
