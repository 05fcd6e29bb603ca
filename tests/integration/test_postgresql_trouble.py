"""PostgreSQL that cuts its connections, or has other tables than the code expects."""

from __future__ import annotations

from pathlib import Path

from tests.crowd import crowd
from tests.exactness import exact
from tests.processes import PostgresServer, Server, running
from tests.sender import Sender
from tests.window import windows

# The exit code for settings or a schema that cannot be served, as `notifier --help` says.
MISCONFIGURED = 3
RECONCILE_SECONDS = 2.0
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def serving(folder: Path, url: str) -> Server:
    return Server(folder, DATABASE_URL=url, NOTIFIER_RECONCILE_SECONDS=RECONCILE_SECONDS)


async def test_connections_that_are_cut_are_replaced_unnoticed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with running(await serving(tmp_path, await postgres.new_database())) as server:
        harry, gitau = await crowd(server, 2)
        sender = Sender(harry.at(server.port), [gitau])
        async with windows([gitau], [server.port], each=3) as opened:
            for _ in range(3):
                await sender.send(gitau)
                # While nobody uses them: what is in the middle of a transaction is told 503.
                assert await server.sql(CUT), "the precondition: there were some"
            await sender.send(gitau)
            await exact(server, opened, [sender])
            assert not sender.refused
            assert all(len(window.opened) == 1 for window in opened), "no stream was harmed"
        assert "Traceback" not in server.output(), server.output()


async def test_a_database_without_tables_or_with_newer_ones_is_refused_at_start(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    server = Server(tmp_path, DATABASE_URL=await postgres.new_database())
    serve = ("serve", "--bind", f"127.0.0.1:{server.port}")
    assert await server.run(*serve) == MISCONFIGURED
    assert "run `notifier migrate` first" in server.output()
    assert await server.run("migrate") == 0
    await server.sql("UPDATE alembic_version SET version_num = '9999'")
    assert await server.run(*serve) == MISCONFIGURED
    assert "The database is at revision 9999" in server.output()
    assert "Traceback" not in server.output(), server.output()


async def test_waiting_streams_take_no_connection(tmp_path: Path, postgres: PostgresServer) -> None:
    """A pool of one, many streams: what a stream costs it is nothing."""
    server = Server(tmp_path, DATABASE_URL=await postgres.new_database(), NOTIFIER_DATABASE_POOL=1)
    async with running(server):
        harry, gitau = await crowd(server, 2)
        sender = Sender(harry.at(server.port), [gitau])
        async with windows([gitau], [server.port], each=50) as opened:
            for _ in range(5):
                await sender.send(gitau)
            await exact(server, opened, [sender])
            assert len(sender.confirmed) == 5
