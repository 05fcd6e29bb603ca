"""Whether the tables are the ones that this code was written for, and making them so.

Migrations run as a step of their own (`notifier migrate`), never by themselves at start: ten
processes that start at once must not change tables, and an operator wants to choose the moment.

Every process checks its tables when it starts, so Alembic, a fifth of a second to import, comes in
only where tables are made.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from notifier.database import Database
from notifier.errors import SchemaError
from notifier.paths import MIGRATIONS


def newest_revision() -> str:
    """The revision that this code was written for: files of migrations begin with their number."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


async def revision(database: Database) -> str | None:
    """The revision of the database; None for one that has never been migrated."""
    async with database.read() as connection:
        return await connection.run_sync(_revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def migrate(database: Database) -> tuple[str | None, str | None]:
    """Bring the tables to the newest revision; the revisions before and after."""
    before = await revision(database)
    async with database.engine.connect() as connection:
        await connection.run_sync(_upgrade)
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
