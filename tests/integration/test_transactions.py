"""Transactions that are one trip to a thread on SQLite, and plain ones on PostgreSQL: the same."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import DateTime, bindparam, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.engine import Engine
from notifier.errors import Unavailable
from notifier.models import User
from tests.integration.conftest import add_people, both


async def sequence(connection: AsyncConnection) -> int:
    found = await connection.scalar(select(func.max(User.last_sequence)))
    assert isinstance(found, int)
    return found


async def one_more(connection: AsyncConnection) -> int:
    """Read, then write: two of these at once would lose one without their locks."""
    await connection.execute(select(User.id).with_for_update())
    taken = await sequence(connection) + 1
    await connection.execute(update(User).values(last_sequence=taken))
    return taken


@both
async def test_what_it_returns_is_committed(engine: Engine) -> None:
    await add_people(engine.database, "harry")
    before = engine.database.queries
    assert await engine.database.write_at_once(one_more) == 1
    # Counted like all others: the figures show what a stream costs the database.
    assert engine.database.queries >= before + 3
    async with engine.database.read() as connection:
        assert await sequence(connection) == 1


@both
async def test_nothing_stays_of_one_that_raises(engine: Engine) -> None:
    await add_people(engine.database, "harry")

    async def fails(connection: AsyncConnection) -> None:
        await one_more(connection)
        raise LookupError("in its middle")

    with pytest.raises(LookupError, match="in its middle"):
        await engine.database.write_at_once(fails)
    assert await engine.database.write_at_once(one_more) == 1


@both
async def test_writers_of_both_kinds_wait_for_each_other(engine: Engine) -> None:
    await add_people(engine.database, "harry")

    async def in_the_open() -> int:
        async with engine.database.write() as connection:
            return await one_more(connection)

    at_once = [engine.database.write_at_once(one_more) for _ in range(20)]
    taken = await asyncio.gather(*at_once, *(in_the_open() for _ in range(20)))
    assert sorted(taken) == list(range(1, 41))
    if engine.database.is_sqlite:
        assert taken == sorted(taken), "first come, first served, and nobody polls the file's lock"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_that_waits_for_something_else_is_refused_and_undone(engine: Engine) -> None:
    """It would wait on a thread that has no loop; on PostgreSQL it has one."""
    await add_people(engine.database, "harry")

    async def waits(connection: AsyncConnection) -> None:
        await one_more(connection)
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="nothing but its own statements"):
        await engine.database.write_at_once(waits)
    assert await engine.database.write_at_once(one_more) == 1


FIND = select(User.id, User.username, User.last_event_at, User.last_sequence + 5).where(
    User.username_key == bindparam("name")
)


@both
async def test_a_query_by_itself_brings_numbers_and_texts(engine: Engine) -> None:
    """On SQLite the driver is asked, on PostgreSQL SQLAlchemy; constants go along on both."""
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    before = engine.database.queries
    for name, person_id in (("harry", harry), ("gitau", gitau)):
        (row,) = await engine.database.fetch(FIND, {"name": name})
        assert list(row) == [person_id, name, 0.0, 5]
    assert await engine.database.fetch(FIND, {"name": "nobody"}) == []
    assert engine.database.queries == before + 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_would_come_otherwise_than_it_is_is_refused(engine: Engine) -> None:
    with pytest.raises(AssertionError, match="nothing that JSON has"):
        await engine.database.fetch(select(cast(User.last_event_at, DateTime)), {})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_fault_of_ours_is_told_apart_from_a_disk_that_fails(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE user RENAME TO people")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await engine.database.fetch(FIND, {"name": "harry"})

    def fails(*_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        # An extended code: that a read came back short.
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHORT_READ
        raise error

    monkeypatch.setattr(engine.database._trips, "_fetch", fails)
    with pytest.raises(Unavailable):
        await engine.database.fetch(FIND, {"name": "harry"})
