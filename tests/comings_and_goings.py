"""Streams that are opened and reset in every way in which a connection can end early."""

from __future__ import annotations

import asyncio
import itertools

from tests.doors import Door
from tests.person import Person
from tests.wire import wire

AT_ONCE = 40


async def come_and_go(door: Door, person: Person, times: int) -> None:
    """Connect and reset, `times` in all: before, in and after the request, and in the stream."""
    lines = ["GET /stream HTTP/1.1", "Host: 127.0.0.1", "Last-Event-ID: 0"]
    lines += [f"Cookie: notifier={person.cookies['notifier']}", "", ""]
    request = "\r\n".join(lines).encode()
    whole = len(request)
    # How much of the request is sent, and whether its answer is waited for.
    ways = itertools.cycle(
        [(0, False), (20, False), (whole - 2, False), (whole, False), (whole, True)]
    )
    numbers = itertools.count()

    async def one_after_the_other() -> None:
        while next(numbers) < times:
            length, listens = next(ways)
            async with wire(door.port) as connection:
                await connection.send(request[:length])
                if listens:
                    await connection.more()
                connection.reset()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
