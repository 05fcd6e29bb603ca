"""The web app's server by itself: how it comes to an end."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from typing import Any
from unittest import mock

from hypercorn.asyncio.tcp_server import TCPServer

from notifier.web_server import WebConfig, serve


async def test_what_takes_too_long_at_the_end_is_broken_off_without_a_fault() -> None:
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                step = (await receive())["type"]
                await send({"type": f"{step}.complete"})
                if step == "lifespan.shutdown":
                    return
        asked.set()
        try:
            await loop.create_future()
        finally:
            cancelled.set()

    async def once_asked() -> None:
        await asked.wait()

    config = WebConfig()
    config.graceful_timeout = 0.05
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    loop.set_exception_handler(lambda _, fault: faults.append(fault))
    try:
        serving = asyncio.create_task(serve(app, config, listening, once_asked))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(30):
            await serving
            # Whatever it is told, the connection comes to its end.
            await reader.read()
        writer.close()
        # What a task leaves behind is told in the turn after it.
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
        listening.close()
    assert cancelled.is_set()
    assert faults == []


async def test_a_peer_that_timed_out_while_its_connection_is_closed_is_no_fault() -> None:
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    closed = asyncio.Event()
    close = TCPServer._close

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            step = (await receive())["type"]
            await send({"type": f"{step}.complete"})
            if step == "lifespan.shutdown":
                return

    async def timed_out(connection: Any) -> None:
        await close(connection)
        closed.set()
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    async def once_closed() -> None:
        await closed.wait()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    loop.set_exception_handler(lambda _, fault: faults.append(fault))
    try:
        with mock.patch.object(TCPServer, "_close", timed_out):
            serving = asyncio.create_task(serve(app, WebConfig(), listening, once_closed))
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.close()
            async with asyncio.timeout(30):
                await serving
            await asyncio.sleep(0)
            # A task that failed says so when it is collected.
            gc.collect()
    finally:
        loop.set_exception_handler(None)
        listening.close()
    assert faults == []
