"""Waiting for a fact with a ceiling; a test never waits for a duration."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

# Long enough for a machine three times slower than two idle cores; only a red test waits for it.
CEILING_SECONDS = 30.0
# Between two looks at a fact: below what a person notices, above what keeps a core busy.
PAUSE_SECONDS = 0.02


@overload
async def until(fact: Callable[[], Awaitable[T]], what: str, within: float = ...) -> T: ...
@overload
async def until(fact: Callable[[], T], what: str, within: float = ...) -> T: ...
async def until(fact: Callable[[], Any], what: str, within: float = CEILING_SECONDS) -> Any:
    """The first truthy value of `fact()`, looked at again and again; AssertionError at the end."""
    end = time.monotonic() + within
    while True:
        value = fact()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < end, f"not within {within:g} s: {what}; last seen: {value!r}"
        await asyncio.sleep(PAUSE_SECONDS)
