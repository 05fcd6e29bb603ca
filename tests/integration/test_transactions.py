"""Transactions that are one trip to a thread on SQLite, and plain ones on PostgreSQL: the same."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.engine import Engine
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
