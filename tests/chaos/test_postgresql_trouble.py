"""PostgreSQL that cuts connections under load, restarts, or is migrated while it serves (F10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crowd import crowd
from tests.exactness import exact
from tests.exchange import request
from tests.integration.test_postgresql_trouble import CUT, serving
from tests.patience import until
from tests.processes import PostgresServer, Server, running
from tests.sender import Sender, sending
from tests.window import windows


@pytest.fixture
async def own_postgres() -> AsyncIterator[PostgresServer]:
    """One that a test may restart."""
    async with running(PostgresServer()) as server:
        yield server
    server.remove()


async def sends_go_on(sender: Sender, times: int = 5) -> None:
    already = len(sender.confirmed)
    await until(lambda: len(sender.confirmed) >= already + times, "sends go on")


async def test_connections_that_are_cut_under_load_cost_a_503_at_most(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with running(await serving(tmp_path, await postgres.new_database())) as server:
        people = await crowd(server, 6)
        gitau = people[0]
        senders = [Sender(one.at(server.port), [gitau]) for one in people[1:]]
        async with windows([gitau], [server.port], each=3) as opened, sending(senders):
            for _ in range(5):
                await sends_go_on(senders[0])
                await server.sql(CUT)
            await sends_go_on(senders[0])
            for sender in senders:
                sender.recipients = ()
            await until(lambda: all(len(s.tried) == told(s) for s in senders), "all are told")
            await exact(server, opened, senders)
        assert {answer.status for s in senders for answer in s.refused.values()} <= {503}
        assert "Traceback" not in server.output(), server.output()


async def test_a_database_that_restarts_is_a_503_meanwhile_and_streams_stay(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    async with running(await serving(tmp_path, await own_postgres.new_database())) as server:
        harry, gitau = await crowd(server, 2)
        sender = Sender(harry.at(server.port), [gitau])
        async with windows([gitau], [server.port], each=3) as opened, sending([sender]):
            await sends_go_on(sender)
            await own_postgres.stop()
            await until(lambda: sender.refused, "a send is refused")
            answer = await request(server.port, "GET", "/readyz")
            assert answer.status == 503
            assert "database" in answer.text
            await own_postgres.start()
            await sends_go_on(sender)
            sender.recipients = ()
            assert {answer.status for answer in sender.refused.values()} == {503}
            for answer in sender.refused.values():
                assert int(answer.header("retry-after")) > 0
            await until(lambda: len(sender.tried) == told(sender), "all are told")
            await exact(server, opened, [sender])
            assert all(len(window.opened) == 1 for window in opened), "no stream was harmed"
        assert "Traceback" not in server.output(), server.output()


async def test_migrating_while_it_serves_is_harmless_and_may_be_repeated(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with running(await serving(tmp_path, await postgres.new_database())) as server:
        harry, gitau = await crowd(server, 2)
        sender = Sender(harry.at(server.port), [gitau])
        again = Server(tmp_path, DATABASE_URL=server.environment["DATABASE_URL"])
        async with windows([gitau], [server.port]) as opened, sending([sender]):
            for _ in range(2):
                await sends_go_on(sender)
                assert await again.run("migrate") == 0, again.output()
            sender.recipients = ()
            await until(lambda: len(sender.tried) == told(sender), "all are told")
            await exact(server, opened, [sender])
        assert "already" in again.output()
        assert not sender.refused


def told(sender: Sender) -> int:
    return len(sender.confirmed) + len(sender.refused) + len(sender.unanswered)
