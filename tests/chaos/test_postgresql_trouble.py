"""PostgreSQL that cuts connections under load, restarts, or is migrated while it serves (F10)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.busyness import measured
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


DATABASE_SECONDS = 2.0
# For rendering a refusal.
RENDERED_SECONDS = 2.0
LOCKED_SECONDS = 6.0


async def test_an_exhausted_pool_is_a_no_in_time_and_streams_stay(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The one connection of the pool waits for a lock that another program holds (F9)."""
    url = await postgres.new_database()
    server = Server(
        tmp_path,
        DATABASE_URL=url,
        NOTIFIER_DATABASE_POOL=1,
        NOTIFIER_DATABASE_TIMEOUT_SECONDS=DATABASE_SECONDS,
        NOTIFIER_RECONCILE_SECONDS=2,
    )
    async with running(server):
        gitau, *others = await crowd(server, 9)
        senders = [Sender(one.at(server.port), [gitau]) for one in others]
        async with windows([gitau], [server.port], each=10) as opened:
            await senders[0].send(gitau)
            other = await asyncpg.connect(url)
            async with measured() as busy:
                begun = time.monotonic()
                await other.execute("BEGIN")
                await other.execute("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
                while time.monotonic() < begun + LOCKED_SECONDS:
                    await asyncio.gather(*(sender.send(gitau) for sender in senders))
                await other.execute("ROLLBACK")
            await other.close()
            for sender in senders:
                assert sender.refused and not sender.unanswered
                # Who looks a person up first, and then stores, may wait for the pool twice.
                assert (
                    sender.slowest_seconds < 2 * DATABASE_SECONDS + RENDERED_SECONDS * busy.factor
                )
                for body, answer in sender.refused.items():
                    assert answer.status == 503 and int(answer.header("retry-after")) > 0
                    assert body in answer.text, "what was written is still there"

            async def stored() -> bool:
                answer = await senders[0].send(gitau)
                return answer is not None and answer.status < 400

            await until(stored, "sends go on without a restart", 60)
            await exact(server, opened, senders, within=60)
            assert all(len(window.opened) == 1 for window in opened), "no stream ended"
        assert "Traceback" not in server.output(), server.output()


def told(sender: Sender) -> int:
    return len(sender.confirmed) + len(sender.refused) + len(sender.unanswered)
