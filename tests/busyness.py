"""How much longer everything takes just now than on a machine that has nothing else to do.

Where a number of seconds is promised a test measures beside it, at the same moment, how long a
process takes that does nothing but import the app; what a busy or a slow machine adds to that, it
adds to the other.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

# What that process takes on the machine for which the numbers are promised.
IDLE_SECONDS = 1.0


@dataclass
class Busyness:
    """At least 1; known when the block is over that it was measured in."""

    factor: float = 1.0


@asynccontextmanager
async def measured() -> AsyncIterator[Busyness]:
    """Measures again and again while the block lasts; the worst counts."""
    found = Busyness()
    over = asyncio.Event()

    async def measure() -> None:
        while True:
            found.factor = max(found.factor, await _import_seconds() / IDLE_SECONDS)
            if over.is_set():
                return

    measuring = asyncio.create_task(measure())
    try:
        yield found
    finally:
        over.set()
        await measuring


async def _import_seconds() -> float:
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import notifier.app")
    assert await process.wait() == 0
    return time.monotonic() - begun


@asynccontextmanager
async def promised(seconds: float, what: str) -> AsyncIterator[None]:
    """The block takes no longer than `seconds`, and as many times longer as the machine is busy."""
    async with measured() as busy:
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
    assert took < seconds * busy.factor, (
        f"{what}: after {took:.1f} s instead of {seconds:g}, "
        f"on a machine that takes {busy.factor:.1f} times as long as an idle one"
    )
