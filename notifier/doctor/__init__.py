"""`notifier doctor`: looks at what an operator forgets, and says what to do about it.

Each check looks at one thing and changes nothing; what it finds is a `Finding`. A check that cannot
look says so, and keeps no other from looking.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from notifier.doctor import bus, machine, public, tables
from notifier.doctor.finding import Finding, State
from notifier.settings import Settings

__all__ = ["Finding", "State", "examine"]


async def examine(settings: Settings, url: str) -> AsyncIterator[Finding]:
    """Everything that can be found out here, and at `url` when people reach us there."""
    for finding in machine.examine(settings):
        yield finding
    async for finding in tables.examine(settings):
        yield finding
    async for finding in bus.examine(settings):
        yield finding
    if url:
        async for finding in public.examine(url):
            yield finding
