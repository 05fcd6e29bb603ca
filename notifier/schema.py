"""Whether the tables are the ones that this code was written for, and making them so.

Migrations run as a step of their own (`notifier migrate`), never by themselves at start: ten
processes that start at once must not change tables, and an operator wants to choose the moment.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from notifier.database import Database
from notifier.errors import SchemaError
from notifier.paths import MIGRATIONS


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def revision(database: Database) -> str | None:
    """The revision of the database; None for one that has never been migrated."""
    async with database.read() as connection:
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


async def migrate(database: Database) -> tuple[str | None, str | None]:
    """Bring the tables to the newest revision; the revisions before and after."""
    before = await revision(database)
    async with database.engine.connect() as connection:
        await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))
        await connection.commit()
    return before, await revision(database)


async def check(database: Database) -> None:
    """Raises `SchemaError` unless the tables are of the newest revision."""
    have, want = await revision(database), newest_revision()
    if have == want:
        return
    if have is None:
        raise SchemaError("The database has no tables yet: run `notifier migrate` first.")
    raise SchemaError(
        f"The database is at revision {have}, this version needs {want}: "
        "run `notifier migrate` with the newest version that uses this database."
    )
