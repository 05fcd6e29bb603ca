"""A real proxy that answers the stream with nonsense, and a server that goes away and comes back
(F22, F23): the page says so, comes back by itself and shows the right count."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge, not_reloaded, open_window
from tests.browser.test_connection import TROUBLE_CEILING_MS, expect_state
from tests.conftest import People, Serve
from tests.person import Person
from tests.processes import Server, free_port, running

PIECE_BYTES = 65_536
ANSWERS = {
    "503": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n",
    "a page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n",
    "nothing": b"",
}


class Proxy:
    """One request a connection; `answer` is what /stream gets instead of the app's."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self.target_port = target_port
        self.answer: bytes | None = None
        self.refused = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._streams: set[asyncio.StreamWriter] = set()

    def say_to_streams(self, answer: bytes) -> None:
        """From now on, and the open ones end."""
        self.answer = answer
        for writer in self._streams:
            writer.transport.abort()

    async def accepted(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(near, out)
        finally:
            out.transport.abort()
            self._streams.discard(out)
            self.tasks.discard(task)

    async def _serve(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        first, _, headers = (await near.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        is_stream = first.split(b" ")[1].startswith(b"/stream")
        if is_stream and self.answer is not None:
            self.refused += 1
            body = b"<h1>Sorry</h1>"
            if self.answer:
                out.write(self.answer + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                await out.drain()
                out.close()
                await out.wait_closed()
            return
        if is_stream:
            self._streams.add(out)
        far, far_out = await asyncio.open_connection("127.0.0.1", self.target_port)
        try:
            lines = [
                line
                for line in headers.split(b"\r\n")
                if line and not line.lower().startswith(b"connection:")
            ]
            far_out.write(b"\r\n".join([first, *lines, b"Connection: close", b"", b""]))
            pumping = asyncio.create_task(_pump(near, far_out))
            try:
                await _pump(far, out)
            finally:
                pumping.cancel()
                await asyncio.wait([pumping])
        finally:
            far_out.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE_BYTES):
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def proxy_on(port: int, target_port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(port, target_port)
    async with await asyncio.start_server(proxy.accepted, "127.0.0.1", port):
        try:
            yield proxy
        finally:
            for task in list(proxy.tasks):
                task.cancel()
            if proxy.tasks:
                await asyncio.wait(proxy.tasks)


@pytest.fixture(scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    """In front of a server whose people see the proxy's address."""
    port = free_port()
    server = Server(
        tmp_path_factory.mktemp("server"), NOTIFIER_PUBLIC_URL=f"http://127.0.0.1:{port}"
    )
    async with running(server), proxy_on(port, server.port) as found:
        yield found


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_proxy_that_answers_nonsense_is_outlived(
    proxy: Proxy, browser_of: OpenBrowser, answer: str
) -> None:
    already = proxy.refused
    harry, gitau = Person(proxy.port, f"harry{already}"), Person(proxy.port, f"gitau{already}")
    for person in (harry, gitau):
        await person.register()
        await person.sign_in()
    window = await open_window(await browser_of(gitau))
    await expect_state(window, "live")
    proxy.say_to_streams(ANSWERS[answer])
    await expect_state(window, "reconnecting")
    await harry.send(gitau, "meanwhile")
    # By asking, since there is no stream.
    await expect(badge(window)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    assert proxy.refused > already, "the precondition: the page did ask for a stream"
    proxy.answer = None
    await expect_state(window, "live")
    await harry.send(gitau, "there you are")
    await expect(badge(window)).to_have_text("2")
    assert await not_reloaded(window)


async def test_a_server_that_was_killed_and_is_started_again_finds_its_windows(
    serve: Serve, people: People, browser_of: OpenBrowser
) -> None:
    server = await serve()
    harry, gitau = await people("harry", "gitau", on=server)
    window = await open_window(await browser_of(gitau))
    await expect_state(window, "live")
    await server.kill()
    await expect_state(window, "reconnecting")
    await server.start()
    await harry.send(gitau, "while you looked for me")
    await expect(badge(window)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    await expect_state(window, "live")
    assert await not_reloaded(window)
