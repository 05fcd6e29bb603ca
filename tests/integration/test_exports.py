"""Everything about oneself: complete, its owner's only, and made whatever process dies."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from notifier import belongings, blocking, exports
from notifier.belongings import BELONGINGS, NOT_EXPORTED
from notifier.drafts import draft
from notifier.engine import Engine
from notifier.errors import NotFound
from notifier.events import Event
from notifier.exporter import Exporter
from notifier.models import Base, Export, ExportPart, Post
from notifier.posts import write
from tests.conftest import People, Serve
from tests.integration.conftest import StartEngine, add_people, both
from tests.patience import until


async def ask(engine: Engine, person_id: int) -> int:
    async with engine.database.write() as connection:
        await exports.ask(connection, person_id, kept_most=100)
        number = await connection.scalar(select(Export.id).where(Export.person_id == person_id))
    assert number is not None
    return int(number)


async def content(engine: Engine, number: int) -> dict[str, Any]:
    pieces = [piece async for piece in exports.pieces(engine.database, number)]
    found = json.loads(b"".join(pieces))
    assert isinstance(found, dict)
    return found


async def percent(engine: Engine, person_id: int) -> int:
    async with engine.database.read() as connection:
        return await exports.percent(connection, person_id)


def test_every_table_is_exported_or_has_a_reason_not_to_be() -> None:
    shown = [one.table for one in BELONGINGS]
    assert len(shown) == len(set(shown))
    assert set(Base.metadata.tables) == set(shown) | set(NOT_EXPORTED), (
        "say in belongings.py what an export shows of a new table"
    )
    for one in BELONGINGS:
        columns = set(belongings.table_of(one).columns.keys())
        assert set(one.whose) <= columns and one.hidden <= columns


@both
async def test_it_holds_what_is_theirs_and_nothing_of_others(start_engine: StartEngine) -> None:
    engine = await start_engine()
    harry, gitau, third = await add_people(engine.database, "harry", "gitau", "third")
    await write(engine.database, harry, "my post")
    await write(engine.database, gitau, "a post of gitau's")
    send = engine.sending.send
    await send(draft(harry, "harry", "gitau", "to gitau"))
    await send(draft(gitau, "gitau", "harry", "to harry"))
    await send(draft(gitau, "gitau", "third", "between others"))
    async with engine.database.write() as connection:
        await blocking.block(connection, harry, "third")
        await blocking.block(connection, gitau, "harry")
    await send(draft(third, "third", "harry", "withheld from harry"))
    await send(draft(harry, "harry", "gitau", "withheld by gitau"))
    number = await ask(engine, harry)
    assert await Exporter(engine).work_off() == 1
    found = await content(engine, number)
    (me,) = found["user"]
    assert me["username"] == "harry" and me["email"] == "harry@example.org"
    assert [post["body"] for post in found["post"]] == ["my post"]
    assert [(row["sender"], row["recipient"], row["body"]) for row in found["message"]] == [
        ("harry", "gitau", "to gitau"),
        ("gitau", "harry", "to harry"),
        ("harry", "gitau", "withheld by gitau"),
    ]
    # "to gitau" to gitau and "third" blocked: one's own ties, and nobody's about oneself.
    ties = {row["other"]: row["blocked_at"] is not None for row in found["tie"]}
    assert ties == {"gitau": False, "third": True}
    text = json.dumps(found)
    for secret in (
        "nobody can sign in with this",
        "a post of gitau",
        "between others",
        "withheld from",
    ):
        assert secret not in text
    assert '"withheld"' not in text and '"quiet"' not in text, "a block would be told by it"


async def test_many_rows_come_in_pieces_and_the_progress_is_told(engine: Engine) -> None:
    (harry,) = await add_people(engine.database, "harry")
    rows = [
        {"author_id": harry, "posted_at": 1.0, "body": f"{number} {'é' * 100}"}
        for number in range(1_200)
    ]
    async with engine.database.write() as connection:
        await connection.execute(insert(Post), rows)
    told: list[int] = []

    def watch(events: Sequence[Event]) -> None:
        told.extend(e.payload["percent"] for e in events if e.name == exports.PROGRESS)

    number = await ask(engine, harry)
    claim = await exports.take_up(engine.database)
    assert claim is not None
    await exports.Making(engine.database, watch, claim, kept_most=100).make()
    assert told == sorted(told) and told[-1] == 100 and len(told) > 1
    found = await content(engine, number)
    assert [post["body"].split()[0] for post in found["post"]] == [str(n) for n in range(1_200)]
    async with engine.database.read() as connection:
        pieces = await connection.scalar(select(func.count()).select_from(ExportPart))
        ready = await exports.ready(connection, harry, number)
        stored = (await connection.execute(select(ExportPart.data))).scalars()
        assert ready.size == sum(len(zlib.decompress(data)) for data in stored)
    assert pieces and pieces > 1


async def test_a_process_that_dies_is_followed_by_another(engine: Engine) -> None:
    (harry,) = await add_people(engine.database, "harry")
    await write(engine.database, harry, "my post")
    number = await ask(engine, harry)
    first = await exports.take_up(engine.database)
    assert first is not None
    dead = exports.Making(engine.database, engine.publish, first, kept_most=100)
    dead._buffer += b"half of it"
    await dead._write()
    assert await exports.take_up(engine.database) is None, "it may still be at work"

    async with engine.database.write() as connection:
        await connection.execute(update(Export).values(claimed_until=time.time() - 1))
    assert await Exporter(engine).work_off() == 1
    assert (await content(engine, number))["post"][0]["body"] == "my post"
    with pytest.raises(exports.Lost):
        await dead.make()
    assert (await content(engine, number))["post"][0]["body"] == "my post", "and it stays whole"


async def test_it_expires(engine: Engine) -> None:
    (harry,) = await add_people(engine.database, "harry")
    number = await ask(engine, harry)
    await Exporter(engine).work_off()
    async with engine.database.write() as connection:
        await connection.execute(update(Export).values(ready_at=time.time() - exports.KEPT_SECONDS))
    async with engine.database.read() as connection:
        with pytest.raises(NotFound):
            await exports.ready(connection, harry, number)
    assert await exports.take_up(engine.database) is None
    async with engine.database.read() as connection:
        for table in (Export, ExportPart):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0


async def test_asking_twice_is_asking_once_and_a_new_one_replaces_the_old(engine: Engine) -> None:
    (harry,) = await add_people(engine.database, "harry")
    first = await ask(engine, harry)
    assert await ask(engine, harry) == first
    assert await percent(engine, harry) == 0
    await Exporter(engine).work_off()
    assert await percent(engine, harry) == 100
    second = await ask(engine, harry)
    assert second != first and await percent(engine, harry) == 0
    async with engine.database.read() as connection:
        with pytest.raises(NotFound):
            await exports.ready(connection, harry, first)


async def test_one_that_was_asked_for_survives_a_restart_of_the_server(
    serve: Serve, people: People
) -> None:
    server = await serve()
    (harry,) = await people("harry", on=server)
    await harry.request("POST", "/", fields={"body": "my post"})
    await server.stop()
    # As the process left it that had taken it up and got no further.
    await server.sql(
        "INSERT INTO export (person_id, requested_at, claimed_until, claim) "
        'SELECT id, 1, 1, 1 FROM "user" WHERE username = :name',
        name=harry.username,
    )
    await server.start()
    number = (await server.sql("SELECT id FROM export"))[0][0]

    async def is_ready() -> bool:
        return (await harry.get(f"/settings/export/{number}")).status == 200

    await until(is_ready, "the export is ready")
    assert (await harry.get(f"/settings/export/{number}")).json["post"][0]["body"] == "my post"


async def test_it_is_fetched_by_its_owner_only(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    async with harry.stream() as stream:
        assert (await harry.request("POST", "/settings/export", fields={})).status == 303

        def link() -> str:
            done = [e.payload for e in stream.events if e.name == exports.PROGRESS]
            return str(done[-1].get("link", "")) if done else ""

        await until(link, "the export is ready")
    answer = await harry.get(link())
    assert answer.status == 200 and answer.json["message"][0]["body"] == "hello"
    assert "attachment" in answer.header("content-disposition")
    assert answer.header("cache-control") == "no-store"
    assert link() in (await harry.get("/settings")).text
    assert (await gitau.get(link())).status == 404
