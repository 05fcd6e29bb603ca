"""SIGTERM with thousands of open streams, on every supported Python that is here (F2)."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from notifier.database import Database
from notifier.drafts import draft
from notifier.storing import store_messages
from tests.busyness import measured
from tests.crowd import Somebody, crowd, settings_of
from tests.exchange import request
from tests.patience import until
from tests.processes import NOTIFIER, START_CEILING_SECONDS, Server, free_port, running
from tests.window import Window, windows

ROOT = Path(__file__).parents[2]
DRAIN_SECONDS = 4.0
# After the window; a busy machine takes as many times longer as it takes for starting Python.
GONE_SECONDS = 2.0
GONE_CEILING_SECONDS = 60.0
# Enough text that a socket which nobody reads is full.
BACKLOG_MESSAGES = 1_000
SLOW_READERS = 10
# The interpreter of the tests, and the environments that scripts/chaos has made for others.
PYTHONS = {"tests": NOTIFIER.parent} | {
    version: ROOT / f"var/python{version}/bin"
    for version in ("3.12", "3.13")
    if (ROOT / f"var/python{version}/installed").exists()
}
on_every_python = pytest.mark.parametrize("python", PYTHONS)


class Elsewhere(Server):
    """A server that runs on another Python than the tests."""

    programs: Path

    async def launch(
        self, *command: str | Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        program, *arguments = command
        await super().launch(self.programs / Path(program).name, *arguments, env=env, user=user)


class Hypercorn(Elsewhere):
    """`hypercorn -c hypercorn.toml notifier.asgi:app`."""

    async def start(self) -> None:
        await self._migrate()
        bind = f"127.0.0.1:{self.port}"
        configuration = ROOT / "hypercorn.toml"
        await self.launch(
            *("hypercorn", "-c", configuration, "-b", bind, "notifier.asgi:app"),
            env=self.environment,
        )

        async def answers() -> bool:
            self.alive()
            try:
                return (await request(self.port, "GET", "/healthz")).status == 200
            except ConnectionError:
                return False

        await until(answers, "hypercorn answers", START_CEILING_SECONDS)


async def fill_log(server: Server, sender: Somebody, recipient: Somebody) -> None:
    """A long backlog for one person."""
    settings = settings_of(server)
    database = Database(settings)
    drafts = [
        draft(sender.id, sender.username, recipient.username, f"{number} " + "x" * 130)
        for number in range(BACKLOG_MESSAGES)
    ]
    async with database.write() as connection:
        await store_messages(connection, drafts, kept_most=settings.kept_notifications)
    await database.close()


@asynccontextmanager
async def slow_readers(who: Somebody, ports: list[int]) -> AsyncIterator[None]:
    """Streams that ask for a long backlog and never read it."""
    held = []
    try:
        for port in ports * SLOW_READERS:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            connection.connect(("127.0.0.1", port))
            connection.sendall(
                f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {who.cookie}\r\n"
                "Last-Event-ID: 0\r\n\r\n".encode()
            )
            held.append(connection)
        yield
    finally:
        for connection in held:
            connection.close()


async def drains(server: Server, opened: list[Window], ports: list[int]) -> None:
    """SIGTERM now; what must come of it."""
    for port in ports:
        assert (await request(port, "GET", "/readyz")).status == 200, "the precondition"
    assert server.process is not None
    async with measured() as busy:
        gone = await goes(server, opened, ports)
    assert gone < DRAIN_SECONDS + GONE_SECONDS * busy.factor
    await until(lambda: all(window.ended for window in opened), "every stream ended")
    ends = sorted(window.ended[0] for window in opened)
    middle = ends[len(ends) * 9 // 10] - ends[len(ends) // 10]
    assert middle > DRAIN_SECONDS * 0.4, "spread over the window, not all together"
    pauses = {window.source.retry_milliseconds for window in opened}
    assert len(pauses) > len(opened) // 4, "each with a pause of its own"
    assert "Traceback" not in server.output(), server.output()
    assert '"level": "error"' not in server.output(), server.output()


async def goes(server: Server, opened: list[Window], ports: list[int]) -> float:
    """SIGTERM; the seconds until it is gone."""
    assert server.process is not None
    asked = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    for port in ports:

        async def says_so(port: int = port) -> bool:
            return (await request(port, "GET", "/readyz")).status == 503

        await until(says_so, "/readyz says that it goes away")
        still = [window for window in opened if window.port == port and not window.ended]
        assert still, "it says so before the streams are gone"
    async with asyncio.timeout(GONE_CEILING_SECONDS):
        code = await server.process.wait()
    assert code == 0, server.output()
    return time.monotonic() - asked


@on_every_python
async def test_thousands_of_streams_end_spread_and_the_exit_code_is_zero(
    tmp_path: Path, python: str, redis_url: str
) -> None:
    gateway_port = free_port()
    server = Elsewhere(
        tmp_path,
        *("--gateways", "1", "--gateway-bind", f"127.0.0.1:{gateway_port}"),
        REDIS_URL=redis_url,
        NOTIFIER_DRAIN_SECONDS=DRAIN_SECONDS,
        NOTIFIER_CHANNEL_PREFIX=f"stop-{python}",
    )
    server.programs = PYTHONS[python]
    ports = [server.port, gateway_port]
    async with running(server):
        harry, slow, *people = await crowd(server, 42)
        await fill_log(server, harry, slow)
        async with (
            windows(people, ports, each=25, returns=False) as opened,
            windows(people[:20], ports[1:], each=25, returns=False) as more,
            slow_readers(slow, ports),
        ):
            assert len(opened) + len(more) >= 2_000
            await drains(server, opened + more, ports)


@on_every_python
async def test_hypercorn_on_its_own_drains_too(tmp_path: Path, python: str) -> None:
    server = Hypercorn(tmp_path, NOTIFIER_DRAIN_SECONDS=DRAIN_SECONDS)
    server.programs = PYTHONS[python]
    async with running(server):
        harry, slow, *people = await crowd(server, 22)
        await fill_log(server, harry, slow)
        async with (
            windows(people, [server.port], each=20, returns=False) as opened,
            slow_readers(slow, [server.port]),
        ):
            await drains(server, opened, [server.port])
