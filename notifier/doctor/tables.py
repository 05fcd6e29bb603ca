"""The doctor at the database. Its own connections: the engine would repair what is looked for."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from notifier import schema
from notifier.database import Database
from notifier.doctor.finding import Finding, clock, good, note, wrong
from notifier.errors import SchemaError, Unavailable
from notifier.settings import Settings

# The log of a busy installation grows by some gigabytes a day.
DISK_FREE_MIN_BYTES = 1024**3
# Beside our processes there are backups, migrations and people who look.
CONNECTIONS_FOR_OTHERS = 10
POSTGRESQL_MIN = 130_000


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, migrated, and set up as it must be."""
    url = settings.sqlalchemy_url
    if url.get_backend_name() == "sqlite":
        for finding in _sqlite(Path(url.database or "")):
            yield finding
            if finding.what == "database":
                return
    database = Database(settings)
    try:
        async for finding in _asked(settings, database):
            yield finding
    finally:
        await database.close()


def _sqlite(file: Path) -> list[Finding]:
    if not file.exists():
        found_none = f"{file} is not there"
        return [wrong("database", found_none, "Run `notifier migrate`, or mend DATABASE_URL.")]
    found = []
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    except sqlite3.Error as error:
        return [wrong("database", f"{file} cannot be read: {error}", "Mend DATABASE_URL.")]
    if mode == "wal":
        found.append(good("WAL", "on"))
    else:
        found.append(
            wrong(
                "WAL",
                f"off (journal_mode is {mode}): readers and the writer wait for each other",
                "Start Notifier once, which turns it on; if it is off again, the file is on a disk "
                "of the network: put it on a local one, or take PostgreSQL.",
            )
        )
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        found.append(
            wrong(
                "database file",
                f"{file} or its folder cannot be written by this user",
                "Give both to the user that runs Notifier (chown), and run doctor as that user.",
            )
        )
    free = shutil.disk_usage(file.parent).free
    if free < DISK_FREE_MIN_BYTES:
        left = f"{free / 1024**2:,.0f} MiB left"
        found.append(wrong("disk", left, "Free some: a full disk refuses every message."))
    return found


async def _asked(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    try:
        await database.ping()
    except Unavailable as error:
        reason = str(error.__cause__ or error).splitlines()[0][:200]
        yield wrong("database", f"no answer: {reason}", "Start it, or mend DATABASE_URL.")
        return
    yield good("database", "answers")
    try:
        await schema.check(database)
    except SchemaError as error:
        yield wrong("tables", str(error), "Stop nothing: run `notifier migrate`, then restart.")
    else:
        yield good("tables", "of this version")
    if not database.is_sqlite:
        async for finding in _postgresql(settings, database):
            yield finding


async def _postgresql(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    async with database.read() as connection:
        asked = text(
            "SELECT current_setting('server_version_num')::int, "
            "current_setting('max_connections')::int, extract(epoch FROM clock_timestamp())::float"
        )
        version, most, their_time = (await connection.execute(asked)).one()
        our_time = time.time()
    if version < POSTGRESQL_MIN:
        yield wrong("PostgreSQL", f"version {version // 10_000} is too old", "Take 13 or newer.")
    processes = (most - CONNECTIONS_FOR_OTHERS) // settings.database_pool
    found = f"{most} connections: room for {processes} processes of {settings.database_pool}"
    if processes < 2:
        cure = "Raise max_connections, or lower NOTIFIER_DATABASE_POOL."
        yield note("database connections", found, cure)
    else:
        yield good("database connections", found)
    yield clock("database's clock", float(their_time), our_time)
