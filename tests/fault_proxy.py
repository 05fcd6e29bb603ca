"""A network that misbehaves: a TCP proxy between two real programs, and what may happen to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PIECE_BYTES = 65_536


class FaultProxy:
    """Forwards to `target_port` until it is told otherwise; `mend` makes it well again."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.delay_seconds = 0.0
        # How many connections were asked for since the start, refused ones included.
        self.asked = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._swallows = False
        self._refuses = False
        self._answer = b""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Every connection is reset, and so is every new one."""
        self._refuses = True
        self.reset()

    def reset(self) -> None:
        """Every connection is reset; new ones work."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Nothing moves any more and nothing is closed; it all goes on after `mend`."""
        self._flowing.clear()

    def swallow(self) -> None:
        """Half open: what is sent disappears, as behind a router that lost its memory."""
        self._swallows = True

    def say(self, answer: bytes) -> None:
        """Every connection is reset, and new ones are answered `answer` whatever they say."""
        self._answer = answer
        self.reset()

    def mend(self) -> None:
        self._refuses = self._swallows = False
        if self._answer:
            self._answer = b""
            self.reset()
        self.delay_seconds = 0.0
        self._flowing.set()

    async def _accepted(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        self.asked += 1
        if self._refuses:
            near_out.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(near_out)
        far_out: asyncio.StreamWriter | None = None
        try:
            while (answer := self._answer) and await near.read(PIECE_BYTES):
                near_out.write(answer)
            far, far_out = await asyncio.open_connection("127.0.0.1", self.target_port)
            self._writers.add(far_out)
            await asyncio.gather(self._pump(near, far_out), self._pump(far, near_out))
        except OSError:
            # The other side is away: so are we, for who asked.
            pass
        finally:
            for writer in (near_out, far_out):
                if writer is not None:
                    writer.transport.abort()
                    self._writers.discard(writer)
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            await self._flowing.wait()
            if not self._swallows:
                writer.write(piece)
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@asynccontextmanager
async def fault_proxy(target_port: int) -> AsyncIterator[FaultProxy]:
    """A proxy in front of `target_port`, gone when the block ends."""
    proxy = FaultProxy(target_port)
    server = await asyncio.start_server(proxy._accepted, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.mend()
        proxy.reset()
        for task in list(proxy._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
