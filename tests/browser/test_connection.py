"""How a browser stays told: one stream for all its tabs, and a way back from every trouble."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, Request, Route, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge, not_reloaded, open_window
from tests.conftest import People, Serve

# Timers of the page: a poll every 12 s at most, a frozen leader noticed after 2.5 heartbeats and
# 4 s, pauses between attempts of up to 20 s; and a busy machine.
TROUBLE_CEILING_MS = 45_000


def count_streams(browser: BrowserContext) -> list[Request]:
    """Every stream that this browser asks for from now on."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).path == "/stream":
            asked.append(request)

    browser.on("request", note)
    return asked


async def expect_state(page: Page, state: str) -> None:
    line = page.locator("#connection")
    await expect(line).to_have_attribute("data-state", state, timeout=TROUBLE_CEILING_MS)


async def test_seven_tabs_share_one_stream(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    streams = count_streams(hers)
    tabs = [await open_window(hers) for _ in range(7)]
    for tab in tabs:
        await expect_state(tab, "live")
    await harry.send(gitau, "to all of them")
    for tab in tabs:
        await expect(badge(tab)).to_have_text("1")
        assert await not_reloaded(tab)
    assert len(streams) == 1, [request.url for request in streams]


async def test_when_the_leading_tab_closes_another_takes_over(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    streams = count_streams(hers)
    tabs = [await open_window(hers) for _ in range(3)]
    await expect_state(tabs[-1], "live")
    assert len(streams) == 1
    await tabs[0].close()
    await harry.send(gitau, "who hears this?")
    for tab in tabs[1:]:
        await expect(badge(tab)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
        assert await not_reloaded(tab)
    assert len(streams) == 2


async def test_when_the_leading_tab_freezes_another_takes_over(
    serve: Serve, people: People, browser_of: OpenBrowser
) -> None:
    server = await serve(NOTIFIER_HEARTBEAT_SECONDS=1)
    harry, gitau = await people("harry", "gitau", on=server)
    hers = await browser_of(gitau)
    leading = await open_window(hers)
    await expect_state(leading, "live")
    other = await open_window(hers)
    await expect_state(other, "live")
    devtools = await hers.new_cdp_session(leading)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    await harry.send(gitau, "anybody awake?")
    await expect(badge(other)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    assert await not_reloaded(other)


async def test_offline_and_back_ends_with_the_right_count(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    window = await open_window(hers)
    await expect_state(window, "live")
    await hers.set_offline(True)
    await expect_state(window, "offline")
    await harry.send(gitau, "while you were away")
    await hers.set_offline(False)
    await expect(badge(window)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    await expect_state(window, "live")
    assert await not_reloaded(window)


async def test_where_no_stream_gets_through_the_page_polls_and_says_so(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await (await browser_of(gitau)).new_page()
    held: list[Route] = []

    async def hold(route: Route) -> None:
        # A proxy that buffers: the request goes out and nothing ever comes back.
        held.append(route)

    await window.route("**/stream?*", hold)
    await window.goto("/")
    await expect_state(window, "polling")
    await expect(window.locator("#connection")).to_contain_text("do not get through")
    await harry.send(gitau, "the long way round")
    await expect(badge(window)).to_have_text("1", timeout=TROUBLE_CEILING_MS)
    await window.unroute_all(behavior="ignoreErrors")


async def test_a_proxy_that_answers_html_is_outlived(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await (await browser_of(gitau)).new_page()

    async def bad_gateway(route: Route) -> None:
        await route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway</h1>")

    await window.route("**/stream?*", bad_gateway)
    await window.goto("/")
    await expect_state(window, "reconnecting")
    await window.unroute("**/stream?*")
    await expect_state(window, "live")
    await harry.send(gitau, "there you are")
    await expect(badge(window)).to_have_text("1")


async def test_a_page_of_the_person_before_starts_anew(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    shared = await browser_of(harry)
    his = await open_window(shared)
    await expect(his.locator("h1")).to_contain_text(harry.username)
    await shared.add_cookies(
        [
            {"name": name, "value": value, "url": f"http://127.0.0.1:{gitau.port}"}
            for name, value in gitau.cookies.items()
        ]
    )
    await open_window(shared)
    await expect(his.locator("h1")).to_contain_text(gitau.username)


async def test_a_browser_that_cannot_share_has_a_stream_in_each_tab(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    # As over plain http on a network.
    await hers.add_init_script("delete Navigator.prototype.locks")
    streams = count_streams(hers)
    tabs = [await open_window(hers) for _ in range(2)]
    for tab in tabs:
        await expect_state(tab, "live")
    assert len(streams) == 2
    await harry.send(gitau, "to each")
    for tab in tabs:
        await expect(badge(tab)).to_have_text("1")


async def test_a_page_whose_cursor_is_of_no_use_reloads_once_and_not_for_ever(
    people: People, browser_of: OpenBrowser
) -> None:
    (gitau,) = await people("gitau")
    window = await (await browser_of(gitau)).new_page()
    loads = 0

    async def from_the_future(route: Route) -> None:
        nonlocal loads
        loads += 1
        page = await route.fetch()
        body = re.sub(r'data-cursor="[0-9]+"', 'data-cursor="999999"', await page.text())
        await route.fulfill(response=page, body=body)

    await window.route(lambda url: urlsplit(url).path == "/", from_the_future)
    await window.goto("/")
    await expect_state(window, "polling")
    assert loads == 2


async def test_messages_that_come_together_are_told_together(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await open_window(await browser_of(gitau))
    await window.locator("[name=body]").fill("I am writing")
    for text in ("one", "<b>two</b>", "three"):
        await harry.send(gitau, text)
    toasts = window.locator("#toasts")
    await expect(toasts).to_contain_text("3 new messages")
    await expect(toasts.locator(".toast-card")).to_have_count(1)
    await expect(window.locator("#announcer")).to_contain_text(harry.username)
    # Nothing took the focus from what is being written.
    await expect(window.locator("[name=body]")).to_be_focused()
    assert (await window.title()).startswith("(3) ")
    await toasts.get_by_role("button", name="Dismiss").click()
    await expect(toasts.locator(".toast-card")).to_have_count(0)


async def test_the_open_inbox_says_that_there_is_more_and_marks_nothing(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await open_window(await browser_of(gitau), "/messages")
    await harry.send(gitau, "just now")
    await window.get_by_role("link", name="Show 1 new").click()
    await expect(window.locator("main")).to_contain_text("just now")
    await expect(window.locator("#unread-badge")).to_be_hidden()
