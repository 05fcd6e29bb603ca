"""`notifier seed`: repeatable, consistent, and never among real people unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.person import Person
from tests.processes import Server

TABLES = ("user", "post", "message", "notification")


async def ask(server: Server, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await server.sql(query)]


async def everything(server: Server) -> list[list[tuple[Any, ...]]]:
    return [await ask(server, f'SELECT * FROM "{table}" ORDER BY 1, 2') for table in TABLES]


@pytest.fixture
async def seeded(tmp_path: Path) -> Server:
    server = Server(tmp_path)
    assert await server.run("migrate") == 0, server.output()
    assert await server.run("seed") == 0, server.output()
    return server


async def test_there_are_the_two_guides_and_twenty_made_up_people(seeded: Server) -> None:
    names = [name for (name,) in await ask(seeded, 'SELECT username FROM "user" ORDER BY id')]
    assert names[:2] == ["harry", "gitau"]
    assert len(names) == 22
    assert "harry" in seeded.output() and "12345678" in seeded.output()


async def test_a_second_run_adds_nothing(seeded: Server) -> None:
    before = await everything(seeded)
    assert all(before), "the precondition: there is something of each"
    assert await seeded.run("seed") == 0
    assert await everything(seeded) == before


async def test_the_counts_are_those_of_the_table(seeded: Server) -> None:
    told = await ask(
        seeded,
        "SELECT recipient_id, CAST(payload AS INTEGER) FROM notification"
        " WHERE name = 'unread_message_count' ORDER BY 1",
    )
    counted = await ask(
        seeded,
        "SELECT recipient_id, COUNT(*) - COUNT(read_at) FROM message"
        " GROUP BY recipient_id ORDER BY 1",
    )
    assert told == counted
    assert any(count for _, count in told) and not all(count for _, count in told)
    newest = await ask(
        seeded, "SELECT recipient_id, MAX(sequence) FROM notification GROUP BY recipient_id"
    )
    last = dict(await ask(seeded, 'SELECT id, last_sequence FROM "user"'))
    assert newest and all(last[person] == sequence for person, sequence in newest)


async def test_the_guides_can_sign_in_and_their_badges_are_right(serve: Serve) -> None:
    server = await serve()
    await server.stop()
    assert await server.run("seed") == 0, server.output()
    await server.start()
    for name in ("harry", "gitau"):
        guide = Person(server.port, name, "12345678")
        assert (await guide.sign_in()).status in (302, 303)
        assert await guide.unread() > 0


async def test_real_people_are_left_alone_unless_forced(serve: Serve) -> None:
    server = await serve()
    await Person(server.port, "real").register()
    await server.stop()
    assert await server.run("seed") != 0
    assert await ask(server, 'SELECT username FROM "user"') == [("real",)]
    assert "real people" in server.output() and "Traceback" not in server.output()
    assert await server.run("seed", "--force", "--people", "3") == 0
    assert await ask(server, 'SELECT COUNT(*) FROM "user"') == [(6,)]
    assert await ask(server, "SELECT COUNT(*) FROM message WHERE recipient_id = 1") == [(0,)]
