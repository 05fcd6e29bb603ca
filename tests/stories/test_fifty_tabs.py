"""One browser with fifty tabs of one person: one stream, quick pages, and every badge right."""

from __future__ import annotations

import asyncio
import time

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge, not_reloaded, open_window
from tests.browser.test_connection import TROUBLE_CEILING_MS, count_streams, expect_state
from tests.conftest import People

TABS = 50
# With a stream for each tab the seventh page would hang for good; this is far from that, and wide
# enough for fifty tabs that share two cores.
PAGE_CEILING_SECONDS = 15.0


async def test_fifty_tabs_stay_quick_with_one_stream(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    streams = count_streams(hers)
    tabs: list[Page] = []
    for _ in range(TABS):
        began = time.monotonic()
        tabs.append(await open_window(hers))
        assert time.monotonic() - began < PAGE_CEILING_SECONDS
    await expect_state(tabs[-1], "live")
    await harry.send(gitau, "to all fifty")
    await asyncio.gather(
        *(expect(badge(tab)).to_have_text("1", timeout=TROUBLE_CEILING_MS) for tab in tabs)
    )
    assert all(await asyncio.gather(*(not_reloaded(tab) for tab in tabs)))
    assert len(streams) == 1, [request.url for request in streams]
    # One is read in one tab: it is read in all.
    await tabs[7].goto("/messages")
    await asyncio.gather(
        *(
            expect(tab.locator("#unread-badge")).to_be_hidden(timeout=TROUBLE_CEILING_MS)
            for tab in tabs
        )
    )
    # The tab that led may be the one that went to another page.
    assert len(streams) <= 2
