"""Every page at 200 %, and for whom movement is too much."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser
from tests.conftest import People
from tests.person import Person
from tests.processes import Server
from tests.stories.test_everyone import lived_in, pages

# A window of 1280 × 720 at 200 %: half as many CSS pixels, each twice as large.
ZOOMED: dict[str, Any] = {"viewport": {"width": 640, "height": 360}, "device_scale_factor": 2}
# What moves for longer than an instant, or for ever, the moments of scripts included.
MOVING = """
    () => document.getAnimations().filter((one) => {
        const { duration, iterations } = one.effect.getTiming();
        return one.playState === "running" && duration > 1 && (iterations > 1 || duration > 20);
    }).map((one) => one.animationName ?? one.transitionProperty)
"""


async def sideways(page: Page, paths: list[str]) -> list[str]:
    found = []
    for path in paths:
        answer = await page.goto(path)
        assert answer is not None
        if "text/html" not in (answer.headers.get("content-type") or ""):
            continue
        beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if beyond > 0:
            found.append(f"{path}: {beyond} px too wide")
    return found


async def test_every_page_at_twice_its_size(
    server: Server, people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await lived_in(server, harry, gitau)
    page = await (await browser_of(gitau, **ZOOMED)).new_page()
    newcomer = await (await browser_of(Person(harry.port), **ZOOMED)).new_page()
    found = await sideways(page, pages(harry))
    assert not found + await sideways(newcomer, ["/login", "/register", "/nowhere"]), found
    # What one writes in stands in the window, beside what it answers to.
    await page.goto(f"/conversations/{harry.username}")
    await expect(page.locator("#message")).to_be_in_viewport()
    await expect(page.locator(".said").last).to_be_in_viewport()


async def test_nothing_moves_for_whom_it_is_too_much(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    browser = await browser_of(gitau, reduced_motion="reduce")
    page = await browser.new_page()
    await page.goto("/")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    await harry.send(gitau, "quietly")
    await expect(page.locator("#toasts")).to_contain_text("quietly")
    assert await page.evaluate(MOVING) == []
    # The line about the connection breathes, otherwise.
    await browser.set_offline(True)
    await expect(page.locator("#connection")).not_to_have_attribute("data-state", "live")
    assert await page.evaluate(MOVING) == []
    assert (
        await page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    )
