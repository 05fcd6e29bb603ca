"""What the web app does otherwise than Quart."""

from __future__ import annotations

import functools
import threading

from notifier.app import WebApp


async def test_functions_are_called_as_quart_calls_them() -> None:
    app = WebApp("notifier")

    async def waits(number: int) -> int:
        return number

    @functools.wraps(waits)
    async def guarded(number: int) -> int:
        return await waits(number)

    def blocks() -> int:
        return threading.get_ident()

    for func in (waits, guarded):
        assert app.ensure_async(func) is func
    assert await app.ensure_async(functools.partial(waits, 3))() == 3
    # What would block the loop runs beside it.
    assert await app.ensure_async(blocks)() != threading.get_ident()
