"""The same promises on PostgreSQL, where writers do not queue behind one lock."""

from __future__ import annotations

import asyncio

from tests.conftest import People, Serve
from tests.processes import PostgresServer, RedisServer


async def test_many_send_to_many_at_once_and_every_count_is_right(
    serve: Serve, people: People, postgres: PostgresServer, redis: RedisServer
) -> None:
    server = await serve(
        "--workers", "2", DATABASE_URL=await postgres.new_database(), REDIS_URL=redis.url
    )
    everybody = await people("ann", "ben", "cleo", "dan", on=server)
    async with everybody[0].stream() as stream:
        answers = await asyncio.gather(
            *(
                sender.send(recipient, f"{sender.username} {number}")
                for number in range(5)
                for sender in everybody
                for recipient in everybody
                if sender is not recipient
            )
        )
        assert {answer.status for answer in answers} <= {302, 303}
        await stream.count(15)
        assert len(stream.texts) == len(set(stream.texts)) == 15
        assert stream.sequences == sorted(set(stream.sequences))
        await everybody[0].get("/messages")
        await stream.count(0)
    assert [await person.unread() for person in everybody] == [0, 15, 15, 15]


async def test_the_demo_people_can_be_seeded_twice(
    serve: Serve, people: People, postgres: PostgresServer
) -> None:
    server = await serve(DATABASE_URL=await postgres.new_database())
    await server.stop()
    assert await server.run("seed") == 0, server.output()
    assert await server.run("seed") == 0, server.output()
    assert "Traceback" not in server.output()


async def test_names_differ_in_more_than_case(
    serve: Serve, people: People, postgres: PostgresServer
) -> None:
    server = await serve(DATABASE_URL=await postgres.new_database())
    (harry,) = await people("harry", on=server)
    harry.username = harry.username.upper()
    assert (await harry.register()).status == 422
    assert (await harry.sign_in()).status in (302, 303)


async def test_nul_is_refused_before_it_reaches_the_database(
    serve: Serve, people: People, postgres: PostgresServer
) -> None:
    server = await serve(DATABASE_URL=await postgres.new_database())
    harry, gitau = await people("harry", "gitau", on=server)
    for path in ("/user/a%00b", "/send_message/a%00b", "/messages?page=%00"):
        assert (await harry.get(path)).status in (400, 404)
    refused = await harry.request(
        "POST", f"/send_message/{gitau.username}", fields={"message": "a\0b"}
    )
    assert refused.status == 422
    assert "Traceback" not in server.output()
