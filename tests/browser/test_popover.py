"""The card on a username: by mouse and by keyboard."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenBrowser
from tests.conftest import People

CARD = "#popcard"


async def page_with_a_name(people: People, browser_of: OpenBrowser) -> tuple[Page, str]:
    """The common page, on which the newest post is another person's."""
    harry, gitau = await people("harry", "gitau")
    await gitau.request("POST", "/", fields={"body": f"hello, {gitau.username} here"})
    page = await (await browser_of(harry)).new_page()
    await page.goto("/")
    return page, gitau.username


async def test_hovering_shows_it_and_leaving_closes_it(
    people: People, browser_of: OpenBrowser
) -> None:
    page, name = await page_with_a_name(people, browser_of)
    await page.locator("main").get_by_role("link", name=name).first.hover()
    await expect(page.locator(CARD)).to_contain_text(name)
    await expect(page.locator(CARD)).to_contain_text("Last seen")
    await expect(
        page.locator(CARD).get_by_role("link", name="Send private message")
    ).to_be_visible()
    await page.mouse.move(0, 0)
    await expect(page.locator(CARD)).to_have_count(0)


async def test_the_keyboard_shows_it_and_escape_closes_it(
    people: People, browser_of: OpenBrowser
) -> None:
    page, name = await page_with_a_name(people, browser_of)
    link = page.locator("main").get_by_role("link", name=name).first
    await page.locator("[name=body]").focus()
    for _ in range(20):
        if await link.evaluate("link => link === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await expect(link).to_be_focused()
    await expect(page.locator(CARD)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator(CARD)).to_have_count(0)


async def test_a_name_that_has_the_focus_before_the_scripts_come_shows_it_too(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await gitau.request("POST", "/", fields={"body": f"hello, {gitau.username} here"})
    page = await (await browser_of(harry)).new_page()
    focused = asyncio.Event()

    async def hold(route: Route) -> None:
        await focused.wait()
        await route.continue_()

    await page.route("**/js/popover.js", hold)
    await page.goto("/", wait_until="commit")
    link = page.locator("main").get_by_role("link", name=gitau.username).first
    # As the keyboard would: the press says that a ring is wanted.
    await page.locator("[name=body]").press("Shift")
    await link.focus()
    await expect(link).to_be_focused()
    await expect(page.locator(CARD)).to_have_count(0)
    focused.set()
    await expect(page.locator(CARD)).to_be_visible()


async def test_a_reply_that_comes_after_one_has_left_is_dropped(
    people: People, browser_of: OpenBrowser
) -> None:
    page, name = await page_with_a_name(people, browser_of)
    # The card's request is held until the page itself has given it up.
    released = asyncio.Event()

    async def hold(route: Route) -> None:
        await released.wait()
        await route.fulfill(content_type="text/html", body="<p>too late</p>")

    await page.route("**/popup", hold)
    async with page.expect_request("**/popup"):
        await page.locator("main").get_by_role("link", name=name).first.hover()
    async with page.expect_event("requestfailed"):
        await page.mouse.move(0, 0)
    released.set()
    await page.unroute_all(behavior="wait")
    await expect(page.locator(CARD)).to_have_count(0)
    # The name works as before.
    await page.locator("main").get_by_role("link", name=name).first.hover()
    await expect(page.locator(CARD)).to_contain_text(name)


async def test_ones_own_card_leads_to_editing(people: People, browser_of: OpenBrowser) -> None:
    (harry,) = await people("harry")
    await harry.request("POST", "/", fields={"body": "my own words"})
    page = await (await browser_of(harry)).new_page()
    await page.goto("/")
    await page.locator("main .entries").get_by_role("link", name=harry.username).first.hover()
    await expect(page.locator(CARD).get_by_role("link", name="Edit profile")).to_be_visible()
