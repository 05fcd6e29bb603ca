"""Windows of a real browser, each person's in a profile of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.person import Person


class OpenBrowser(Protocol):
    """A browser in which the person is signed in: `await browser_of(harry)`.

    `looks` are a context's own, such as its viewport, colour scheme or language.
    """

    def __call__(
        self, person: Person, *, javascript: bool = True, **looks: Any
    ) -> Awaitable[BrowserContext]: ...


@pytest.fixture
async def browser_of(chromium: Browser) -> AsyncIterator[OpenBrowser]:
    async with AsyncExitStack() as stack:

        async def opened(
            person: Person, *, javascript: bool = True, **looks: Any
        ) -> BrowserContext:
            url = f"http://127.0.0.1:{person.port}"
            context = await chromium.new_context(
                base_url=url, java_script_enabled=javascript, **looks
            )
            stack.push_async_callback(context.close)
            await context.add_cookies(
                [
                    {"name": name, "value": value, "url": url}
                    for name, value in person.cookies.items()
                ]
            )
            return context

        yield opened
