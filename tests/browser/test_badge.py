"""The main job, seen in real windows: the badge moves without a reload."""

from __future__ import annotations

import asyncio

from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import OpenBrowser
from tests.conftest import People, Serve
from tests.processes import RedisServer, Server

# A browser waits up to 4.5 s before it comes back to a server that went away, and longer after
# each failure; on a busy machine all of it takes its time.
RETURN_CEILING_MS = 40_000


async def open_window(browser: BrowserContext, path: str = "/") -> Page:
    """A window whose stream is open: what is sent from now on must arrive without a reload."""
    page = await browser.new_page()
    await page.goto(path)
    await page.evaluate("window.notReloaded = true")
    return page


def badge(page: Page) -> Locator:
    return page.locator("#unread-badge [data-figure]")


async def sign_out(page: Page) -> None:
    await page.locator(".menu summary").click()
    await page.get_by_role("button", name="Sign out").click()


async def not_reloaded(page: Page) -> bool:
    return bool(await page.evaluate("window.notReloaded === true"))


async def test_the_badge_moves_the_moment_the_other_sends(
    server: Server, people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his, hers = await browser_of(harry), await browser_of(gitau)
    window = await open_window(hers)
    await expect(window.locator("#unread-badge")).to_be_hidden()

    writing = await his.new_page()
    await writing.goto(f"/user/{gitau.username}")
    await writing.get_by_role("link", name="Send private message").click()
    await writing.locator("[name=message]").fill("hello there")
    await writing.locator("main form button[type=submit]").click()
    await writing.wait_for_url(f"**/user/{gitau.username}")

    await expect(window.locator("#unread-badge")).to_be_visible()
    await expect(badge(window)).to_have_text("1")
    await expect(window.locator("#toasts")).to_contain_text("hello there")
    assert await not_reloaded(window)


async def test_opening_the_inbox_clears_every_window(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    windows = [await open_window(hers) for _ in range(3)]
    elsewhere = await open_window(await browser_of(gitau))
    await harry.send(gitau, "one")
    await harry.send(gitau, "two")
    for window in (*windows, elsewhere):
        await expect(badge(window)).to_have_text("2")
    await windows[0].goto("/messages")
    for window in (*windows, elsewhere):
        await expect(window.locator("#unread-badge")).to_be_hidden()
    assert await not_reloaded(windows[1]) and await not_reloaded(elsewhere)


async def test_a_message_between_rendering_and_connecting_is_not_lost(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    page = await hers.new_page()

    async def send_first(route: object) -> None:
        # The page is there, its script is not: what is sent now comes before the stream.
        await harry.send(gitau, "in between")
        await route.continue_()  # type: ignore[attr-defined]

    await page.route("**/js/main*.js*", send_first)
    await page.goto("/")
    await expect(badge(page)).to_have_text("1")


async def test_the_badge_comes_back_after_the_server_restarts(
    serve: Serve, people: People, browser_of: OpenBrowser
) -> None:
    server = await serve(NOTIFIER_DRAIN_SECONDS=1)
    harry, gitau = await people("harry", "gitau", on=server)
    window = await open_window(await browser_of(gitau))
    await harry.send(gitau, "before")
    await expect(badge(window)).to_have_text("1")
    await server.stop()
    await server.start()
    await harry.send(gitau, "after")
    await expect(badge(window)).to_have_text("2", timeout=RETURN_CEILING_MS)
    assert await not_reloaded(window)


async def test_the_badge_moves_across_two_workers(
    serve: Serve, people: People, redis: RedisServer, browser_of: OpenBrowser
) -> None:
    server = await serve("--workers", "2", REDIS_URL=redis.url)
    harry, gitau = await people("harry", "gitau", on=server)
    # Enough browsers that both workers hold some; a single one could be on the sender's worker.
    windows = [await open_window(await browser_of(gitau)) for _ in range(4)]
    await harry.send(gitau, "hello")
    for window in windows:
        await expect(badge(window)).to_have_text("1")
        assert await not_reloaded(window)


async def test_signing_out_in_one_tab_ends_the_other(
    people: People, browser_of: OpenBrowser
) -> None:
    (gitau,) = await people("gitau")
    hers = await browser_of(gitau)
    one, other = await open_window(hers), await open_window(hers, "/messages")
    await sign_out(one)
    await one.wait_for_url("**/login**")
    await other.wait_for_url("**/login**")


async def test_a_tab_that_hears_twice_of_the_signing_out_leaves_once(
    people: People, browser_of: OpenBrowser
) -> None:
    (gitau,) = await people("gitau")
    hers = await browser_of(gitau)
    one, other = await open_window(hers), await open_window(hers, "/messages")
    left, may_go = asyncio.Event(), asyncio.Event()
    ways: list[str] = []

    async def hold(route: Route) -> None:
        if route.request.is_navigation_request():
            ways.append(route.request.url)
            left.set()
            await may_go.wait()
        await route.continue_()

    await other.route("**/*", hold)
    # Once it is told by the stream, and once by the sign-in page in the other tab.
    await other.evaluate("window.addEventListener('storage', () => console.log('told by the tab'))")
    async with other.expect_console_message():
        await sign_out(one)
        await left.wait()
    may_go.set()
    await other.wait_for_url("**/login**")
    assert len(ways) == 1


async def test_without_javascript_everything_but_the_live_part_works(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await (await browser_of(harry, javascript=False)).new_page()
    await his.goto(f"/send_message/{gitau.username}")
    await his.locator("[name=message]").fill("plain")
    await his.locator("main form button[type=submit]").click()
    hers = await (await browser_of(gitau, javascript=False)).new_page()
    await hers.goto("/")
    await expect(badge(hers)).to_have_text("1")
    await hers.goto("/messages")
    await expect(hers.locator("main")).to_contain_text("plain")
    await expect(hers.locator("#unread-badge")).to_be_hidden()
