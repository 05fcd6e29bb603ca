"""A deleted account leaves nothing behind: every table is looked at, and every text in it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import Table, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import blocking, centre, exports, notifications, reports, sign_ins
from notifier.belongings import BELONGINGS, NOT_EXPORTED
from notifier.drafts import draft
from notifier.engine import Engine
from notifier.events import Ended, Event
from notifier.exporter import Exporter
from notifier.leaving import remove
from notifier.messages import unread_count
from notifier.models import Base
from notifier.posts import write
from tests.conftest import People
from tests.integration.conftest import StartEngine, add_people, both
from tests.person import PASSWORD, Person

# Every text and name of the person who leaves holds this, and nobody else's does.
MARK = "zebra"
# Tables that refer to nobody by number, and to whom they belong instead.
THROUGH = {"reported_text": "report", "export_part": "export"}


def people_columns(table: Table) -> dict[str, str]:
    """Which columns say who, and what becomes of the row when they are deleted."""
    return {
        column.name: str(key.ondelete)
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name == "user"
    }


def test_every_table_says_what_becomes_of_its_rows() -> None:
    assert set(Base.metadata.tables) == {one.table for one in BELONGINGS} | set(NOT_EXPORTED)
    for name, table in Base.metadata.tables.items():
        columns = people_columns(table)
        assert set(columns.values()) <= {"CASCADE", "SET NULL"}, name
        if not columns and name != "user":
            owner = THROUGH[name]
            keys = [key for column in table.columns for key in column.foreign_keys]
            assert any(k.column.table.name == owner and k.ondelete == "CASCADE" for k in keys)


@both
async def test_the_database_was_made_as_the_tables_say(start_engine: StartEngine) -> None:
    """What the migrations made, not only what the models say: that is what deletes."""
    engine = await start_engine()

    def keys(connection: Any) -> dict[str, dict[str, str]]:
        inspector = inspect(connection)
        return {
            name: {
                key["constrained_columns"][0]: str(key["options"].get("ondelete"))
                for key in inspector.get_foreign_keys(name)
                if key["referred_table"] == "user"
            }
            for name in Base.metadata.tables
        }

    async with engine.database.read() as connection:
        made = await connection.run_sync(keys)
    assert made == {name: people_columns(t) for name, t in Base.metadata.tables.items()}


async def everything(connection: AsyncConnection) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, those outside the models included."""
    found = {}
    for name, table in Base.metadata.tables.items():
        rows = await connection.execute(select(table))
        found[name] = [dict(row._mapping) for row in rows]
    return found


async def full_life(engine: Engine) -> tuple[int, int, int]:
    """A person with rows in every table that can hold one, and two others."""
    zebra, gitau, third = await add_people(engine.database, MARK, "gitau", "third")
    send = engine.sending.send
    await write(engine.database, zebra, f"a {MARK} post")
    for number in range(3):
        await send(draft(zebra, MARK, "gitau", f"{MARK} words {number}", f"key{number}"))
    await send(draft(gitau, "gitau", MARK, "an answer"))
    await send(draft(gitau, "gitau", "third", "between others"))
    async with engine.database.write() as connection:
        await sign_ins.start(connection, zebra, remember=True, browser=MARK, address=MARK)
        await blocking.mute(connection, zebra, "third")
        await blocking.block(connection, third, MARK)
        await reports.report(connection, zebra, "gitau", f"{MARK} reason", [("message", 4)])
        await reports.report(connection, gitau, MARK, "unkind", [("message", 1)])
        await centre.tell(connection, zebra, "news", {"text": MARK}, kept_most=100)
        await exports.ask(connection, zebra, kept_most=100)
    await send(draft(zebra, MARK, "third", f"{MARK} withheld"))
    await Exporter(engine).work_off()
    return zebra, gitau, third


@both
async def test_nothing_is_left_of_them(start_engine: StartEngine) -> None:
    engine = await start_engine()
    zebra, gitau, _ = await full_life(engine)
    async with engine.database.read() as connection:
        before = await everything(connection)
        assert await unread_count(connection, gitau) == 3
    assert MARK in str(before["notification"]), "the precondition"

    async with engine.database.write() as connection:
        happened = await remove(connection, zebra)
    async with engine.database.read() as connection:
        after = await everything(connection)
        if connection.dialect.name == "sqlite":
            # The index of words is no table of the models.
            words = text("SELECT count(*) FROM message_words WHERE message_words MATCH :mark")
            assert await connection.scalar(words, {"mark": MARK}) == 0
        assert await unread_count(connection, gitau) == 0
        told = await notifications.after(connection, gitau, 0)
    assert MARK not in str(after)
    for name, table in Base.metadata.tables.items():
        for column in people_columns(table):
            assert zebra not in {row[column] for row in after[name]}, f"{name}.{column}"
    assert [row["body"] for row in after["message"]] == ["between others"]
    (kept,) = after["report"]
    assert (kept["reporter_id"], kept["accused_id"], kept["reason"]) == (None, gitau, "")
    assert {one.recipient_id for one in happened if isinstance(one, Ended)} == {zebra}
    (count,) = [one for one in happened if isinstance(one, Event)]
    assert (count.recipient_id, count.payload) == (gitau, 0)
    assert told[-1].sequence == count.sequence, "a stream that catches up ends with it"


async def test_the_account_goes_with_the_password_and_at_once(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "words of mine")
    wrong = await harry.request("POST", "/delete-account", fields={"password": "not it at all"})
    assert wrong.status == 422 and "not your password" in wrong.text
    assert (await harry.get("/notifications")).status == 200
    other = Person(harry.port, harry.username, PASSWORD)
    await other.sign_in()
    async with other.stream() as elsewhere, gitau.stream() as theirs:
        await theirs.count(1)
        gone = await harry.request("POST", "/delete-account", fields={"password": PASSWORD})
        assert gone.location == "/login"
        await elsewhere.named("signed_out")
        await elsewhere.end()
        await theirs.count(0)
    assert (await other.get("/notifications")).status == 401
    assert (await Person(harry.port, harry.username).sign_in()).status == 401
    assert "words of mine" not in (await gitau.get("/messages")).text
    assert (await gitau.get(f"/user/{harry.username}")).status == 404
    again = Person(harry.port, harry.username)
    assert (await again.register()).location.startswith("/login"), "the name is free"


@pytest.mark.parametrize("others", [0, 12])
async def test_everybody_who_was_written_to_is_counted_anew(engine: Engine, others: int) -> None:
    (zebra,) = await add_people(engine.database, MARK)
    names = [f"friend{number}" for number in range(others)]
    ids = await add_people(engine.database, *names)
    for name in names:
        await engine.sending.send(draft(zebra, MARK, name, "hello"))
    began = time.process_time()
    async with engine.database.write() as connection:
        happened = await remove(connection, zebra)
    assert time.process_time() - began < 5
    assert sorted(e.recipient_id for e in happened if isinstance(e, Event)) == ids
    async with engine.database.read() as connection:
        assert [await unread_count(connection, one) for one in ids] == [0] * others
