"""A database of the first release, with people who have written, becomes one of today."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from notifier import conversations, schema, search
from notifier.database import Database
from notifier.paths import MIGRATIONS
from tests.integration.conftest import settings_for
from tests.processes import PostgresServer

FIRST = "0001"
PERSON = text(
    """
    INSERT INTO "user" (username, username_key, email, email_key, password_hash,
        created_at, last_seen_at)
    VALUES (:name, :name, :email, :email, 'nobody can sign in with this', :now, :now)
    """
)
MESSAGE = text(
    """
    INSERT INTO message (sender_id, recipient_id, body, sent_at, sequence)
    VALUES (:sender, :recipient, :body, :now, :sequence)
    """
)


def make_first(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, FIRST)
    now = time.time()
    for name in ("harry", "gitau", "wanja"):
        connection.execute(PERSON, {"name": name, "email": f"{name}@example.org", "now": now})
    said = [(1, 2, "the first words"), (2, 1, "the last words"), (3, 2, "other words")]
    for sequence, (sender, recipient, body) in enumerate(said, 1):
        values = {"sender": sender, "recipient": recipient, "body": body, "now": now}
        connection.execute(MESSAGE, {**values, "sequence": sequence})


@pytest.fixture(params=["sqlite", "postgresql"])
def postgres_or_none(request: pytest.FixtureRequest) -> PostgresServer | None:
    """Where the database is to be; None for a file."""
    if request.param == "sqlite":
        return None
    postgres = request.getfixturevalue("postgres")
    assert isinstance(postgres, PostgresServer)
    return postgres


async def test_what_was_written_before_is_listed_and_found(
    postgres_or_none: PostgresServer | None, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/notifier.db"
    if postgres_or_none is not None:
        url = await postgres_or_none.new_database()
    database = Database(settings_for(url))
    try:
        async with database.engine.connect() as connection:
            await connection.run_sync(make_first)
            await connection.commit()
        assert (await schema.migrate(database))[0] == FIRST
        async with database.read() as connection:
            listed = await conversations.lines(connection, 2)
            found = await search.messages(connection, 2, "words")
        assert [(line.other, line.body, line.mine, line.unread) for line in listed.items] == [
            ("wanja", "other words", False, 1),
            ("harry", "the last words", True, 1),
        ]
        assert [row.body for row in found.items] == [
            "other words",
            "the last words",
            "the first words",
        ]
    finally:
        await database.close()
