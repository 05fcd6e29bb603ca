"""The tab that holds the stream goes, in every way that tabs go; another takes over at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge, not_reloaded, open_window
from tests.browser.test_connection import TROUBLE_CEILING_MS, expect_state
from tests.conftest import People
from tests.person import Person

# With heartbeats at their usual 20 s: what notices a leader that hangs is the tabs themselves.
WITHIN_SECONDS = 25.0
MESSAGES = 5


async def leader_and_followers(hers: BrowserContext, followers: int = 3) -> tuple[Page, list[Page]]:
    """Tabs that are all live; the first holds the stream."""
    leading = await open_window(hers, "/diagnostics")
    await expect(leading.locator("[data-fact=way]")).to_contain_text("holds the stream")
    others = [await open_window(hers) for _ in range(followers)]
    for tab in others:
        await expect_state(tab, "live")
    return leading, others


async def all_is_told(harry: Person, gitau: Person, tabs: list[Page]) -> None:
    """Whatever is sent from now on shows in every tab, within seconds and without a reload."""
    began = time.monotonic()
    for number in range(MESSAGES):
        await harry.send(gitau, f"message {number}")
    for tab in tabs:
        await expect(badge(tab)).to_have_text(str(MESSAGES), timeout=TROUBLE_CEILING_MS)
        assert await not_reloaded(tab)
    assert time.monotonic() - began < WITHIN_SECONDS


@asynccontextmanager
async def frozen(pid: int) -> AsyncIterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def process_of(chromium: Browser, page: Page) -> int:
    """The process that draws the page: the one that works while the page is kept busy."""
    devtools = await chromium.new_browser_cdp_session()

    async def worked() -> dict[int, float]:
        told = await devtools.send("SystemInfo.getProcessInfo")
        return {
            one["id"]: one["cpuTime"] for one in told["processInfo"] if one["type"] == "renderer"
        }

    before = await worked()
    await page.evaluate("() => { for (const end = Date.now() + 500; Date.now() < end; ); }")
    after = await worked()
    await devtools.detach()
    return max(after, key=lambda pid: after[pid] - before.get(pid, 0.0))


async def test_a_leader_that_crashes_is_replaced(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    leading, others = await leader_and_followers(await browser_of(gitau))
    devtools = await leading.context.new_cdp_session(leading)
    async with leading.expect_event("crash"):
        # Nobody is left to answer.
        asking = asyncio.create_task(devtools.send("Page.crash"))
    asking.cancel()
    await all_is_told(harry, gitau, others)


async def test_a_leader_whose_process_is_stopped_is_replaced(
    people: People, chromium: Browser, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    leading, others = await leader_and_followers(hers)
    pid = await process_of(chromium, leading)
    async with frozen(pid):
        await all_is_told(harry, gitau, others)
    # Awake again, it is told by the others, and has missed nothing.
    await expect(badge(leading)).to_have_text(str(MESSAGES), timeout=TROUBLE_CEILING_MS)
    await expect(leading.locator("[data-fact=way]")).to_contain_text(
        "is told by another tab", timeout=TROUBLE_CEILING_MS
    )


async def test_a_tab_that_slept_has_what_it_missed(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    _leading, (sleeper, other) = await leader_and_followers(hers, 2)
    devtools = await hers.new_cdp_session(sleeper)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    for number in range(MESSAGES):
        await harry.send(gitau, f"while you slept {number}")
    await expect(badge(other)).to_have_text(str(MESSAGES))
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await expect(badge(sleeper)).to_have_text(str(MESSAGES), timeout=TROUBLE_CEILING_MS)
    assert await not_reloaded(sleeper)


@pytest.mark.parametrize("leads", [True, False])
async def test_back_and_forward_end_with_the_right_count(
    people: People, browser_of: OpenBrowser, leads: bool
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    leading, (other,) = await leader_and_followers(hers, 1)
    tab = leading if leads else other
    await tab.goto(f"/user/{harry.username}")
    await harry.send(gitau, "one")
    await expect(badge(tab)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    await tab.go_back()
    await expect(badge(tab)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    await harry.send(gitau, "two")
    for each in (leading, other):
        await expect(badge(each)).to_have_text("2", timeout=TROUBLE_CEILING_MS)
    await tab.go_forward()
    await expect(badge(tab)).to_have_text("2", timeout=TROUBLE_CEILING_MS)


async def test_aeroplane_mode_in_all_tabs_at_once(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    leading, others = await leader_and_followers(hers)
    await hers.set_offline(True)
    await expect_state(leading, "offline")
    for number in range(MESSAGES):
        await harry.send(gitau, f"on the ground {number}")
    await hers.set_offline(False)
    for tab in (leading, *others):
        await expect(badge(tab)).to_have_text(str(MESSAGES), timeout=TROUBLE_CEILING_MS)
        await expect_state(tab, "live")
        assert await not_reloaded(tab)


async def test_signing_out_in_one_tab_signs_out_all(
    people: People, browser_of: OpenBrowser
) -> None:
    (gitau,) = await people("gitau")
    hers = await browser_of(gitau)
    leading, others = await leader_and_followers(hers)
    await others[0].locator(".menu summary").click()
    await others[0].get_by_role("button", name="Sign out").click()
    for tab in (leading, *others):
        # Where it is in the end: the form's own way there and the script's may overtake each other.
        await expect(tab).to_have_url(re.compile("/login"), timeout=TROUBLE_CEILING_MS)


async def test_a_browser_without_event_source_polls_and_says_so(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    await hers.add_init_script("delete window.EventSource")
    tabs = [await open_window(hers) for _ in range(2)]
    for tab in tabs:
        await expect_state(tab, "polling")
    await harry.send(gitau, "in a while")
    for tab in tabs:
        await expect(badge(tab)).to_have_text("1", timeout=TROUBLE_CEILING_MS)


async def test_the_page_about_the_connection_measures_it(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await open_window(await browser_of(gitau), "/diagnostics")
    facts = window.locator("#diagnostics")
    await expect(facts).to_have_attribute("data-state", "live")
    await expect(facts).to_have_attribute("data-buffered", "no", timeout=TROUBLE_CEILING_MS)
    await expect(facts.locator("[data-fact=clock]")).to_contain_text("the site's")
    await expect(facts.locator("[data-fact=echo]")).to_contain_text("arrived by itself")
    await harry.send(gitau, "how late is this?")
    await expect(facts.locator("[data-fact=last]")).to_contain_text("after it happened")
