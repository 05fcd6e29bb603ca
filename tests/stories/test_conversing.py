"""Two people converse, on several devices, through everything that happens to a connection."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import RETURN_CEILING_MS, badge, not_reloaded
from tests.conftest import People, Serve
from tests.person import Person

PHONE = {"width": 360, "height": 640}
# A tab that nobody looks at, as far as its scripts can tell.
HIDEABLE = """
    window.isHidden = false;
    Object.defineProperty(document, "hidden", { get: () => window.isHidden });
    Object.defineProperty(document, "visibilityState", {
      get: () => (window.isHidden ? "hidden" : "visible"),
    });
    window.hideIt = (hidden) => {
      window.isHidden = hidden;
      document.dispatchEvent(new Event("visibilitychange"));
    };
"""


async def open_with(browser: BrowserContext, other: Person, query: str = "") -> Page:
    page = await browser.new_page()
    await page.goto("/conversations")
    await page.goto(f"/conversations/{other.username}{query}")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    await page.evaluate("window.notReloaded = true")
    return page


async def say(page: Page, words: str) -> None:
    await page.locator("#message").fill(words)
    await page.locator("#message").press("Enter")


def stored(page: Page) -> Locator:
    return page.locator(".said[data-message] .words")


async def all_show(pages: list[Page], words: list[str]) -> None:
    for page in pages:
        await expect(stored(page)).to_have_text(words, timeout=RETURN_CEILING_MS)
        await expect(page.locator("[data-key]")).to_have_count(0)


async def test_two_people_converse_on_two_devices_each(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = [await open_with(await browser_of(harry), gitau) for _ in range(2)]
    hers = [await open_with(await browser_of(gitau), harry) for _ in range(2)]
    said = []
    for number in range(6):
        writing = (his, hers)[number % 2][number // 2 % 2]
        said.append(f"words {number}")
        await say(writing, said[-1])
        await all_show([*his, *hers], said)
    # Deleted on one device, gone on all four.
    await his[1].locator(".said.mine").first.hover()
    await his[1].locator(".said.mine summary").first.click()
    await his[1].locator(".said-delete").first.click()
    await all_show([*his, *hers], said[1:])
    # What was seen is read, a moment after it was seen.
    for page in (*his, *hers):
        await expect(page.locator("#unread-badge")).to_be_hidden()
    assert await harry.unread() == await gitau.unread() == 0
    assert all([await not_reloaded(page) for page in (*his, *hers)])


async def test_reading_on_one_device_clears_the_count_on_the_other(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    phone, desk = await browser_of(gitau), await browser_of(gitau)
    listed = await phone.new_page()
    await listed.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await listed.goto("/conversations")
    await harry.send(gitau, "one")
    await harry.send(gitau, "two")
    line = listed.locator(".line", has_text=harry.username)
    await expect(line.locator(".unread")).to_contain_text("2")
    await expect(line).to_contain_text("two")
    await expect(badge(listed)).to_have_text("2")
    await open_with(desk, harry)
    await expect(line.locator(".unread")).to_have_count(0)
    await expect(listed.locator("#unread-badge")).to_be_hidden()


async def test_a_hidden_tab_reads_nothing(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    hers = await browser_of(gitau)
    await hers.add_init_script(HIDEABLE)
    page = await open_with(hers, harry)
    await page.evaluate("hideIt(true)")
    await harry.send(gitau, "while nobody looks")
    await expect(stored(page)).to_have_text(["while nobody looks"])
    # Another window shows the count long enough for anything to have been read.
    other = await hers.new_page()
    await other.goto("/conversations")
    await expect(badge(other)).to_have_text("1")
    await harry.send(gitau, "and once more")
    await expect(badge(other)).to_have_text("2")
    assert await gitau.unread() == 2
    await page.evaluate("hideIt(false)")
    await expect(other.locator("#unread-badge")).to_be_hidden()


async def test_what_was_scrolled_past_stays_unread(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    for number in range(40):
        await harry.send(gitau, f"number {number}")
    page = await open_with(await browser_of(gitau), harry, "?at=end")
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await expect(page.locator(".said").last).to_contain_text("number 39")
    await expect(page.locator(".said:not([data-unread])")).not_to_have_count(0)
    # The newest are read, what nobody scrolled to is not.
    left = await gitau.unread()
    assert 20 <= left < 40, left


async def test_what_is_written_offline_goes_out_once_when_the_network_is_back(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his, hers = await browser_of(harry), await browser_of(gitau)
    writing, reading = await open_with(his, gitau), await open_with(hers, harry)
    await say(writing, "before")
    await all_show([writing, reading], ["before"])
    await his.set_offline(True)
    await say(writing, "first")
    await say(writing, "second")
    waiting = writing.locator(".said[data-key]")
    await expect(waiting).to_have_count(2)
    await expect(waiting.first).to_contain_text("Not sent yet")
    await his.set_offline(False)
    await all_show([writing, reading], ["before", "first", "second"])
    assert await not_reloaded(writing)


async def test_a_reload_keeps_what_is_not_sent_and_an_answer_that_was_lost_makes_no_second(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await browser_of(harry)
    writing = await open_with(his, gitau)
    reading = await open_with(await browser_of(gitau), harry)

    async def lose_the_answer(route: object) -> None:
        # The server stores it; the browser never hears so.
        await route.fetch()  # type: ignore[attr-defined]
        await route.abort()  # type: ignore[attr-defined]

    await writing.route("**/notifications*", lambda route: route.abort())
    await writing.route("**/send_message/**", lose_the_answer)
    await say(writing, "only once")
    await expect(stored(reading)).to_have_text(["only once"])
    # The other hears of it before the lost answer is lost.
    await writing.unroute_all(behavior="wait")
    await writing.reload()
    await all_show([writing, reading], ["only once"])


async def test_the_server_restarts_in_mid_conversation(
    serve: Serve, people: People, browser_of: OpenBrowser
) -> None:
    server = await serve(NOTIFIER_DRAIN_SECONDS=1)
    harry, gitau = await people("harry", "gitau", on=server)
    his = await open_with(await browser_of(harry), gitau)
    hers = await open_with(await browser_of(gitau), harry)
    await say(his, "before")
    await all_show([his, hers], ["before"])
    await server.stop()
    await say(his, "while it is away")
    await expect(his.locator(".said[data-key]")).to_have_count(1)
    await server.start()
    await all_show([his, hers], ["before", "while it is away"])
    await say(hers, "after")
    await all_show([his, hers], ["before", "while it is away", "after"])
    assert await not_reloaded(his) and await not_reloaded(hers)


async def test_a_conversation_without_scripts(people: People, browser_of: OpenBrowser) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await (await browser_of(harry, javascript=False)).new_page()
    hers = await (await browser_of(gitau, javascript=False)).new_page()
    await his.goto(f"/user/{gitau.username}")
    await his.goto(f"/conversations/{gitau.username}")
    await his.locator("#message").fill("plain words")
    await his.get_by_role("button", name="Send").click()
    await expect(stored(his)).to_have_text(["plain words"])
    await hers.goto("/conversations")
    await expect(badge(hers)).to_have_text("1")
    await hers.locator(".line a").click()
    await expect(stored(hers)).to_have_text(["plain words"])
    await expect(hers.locator("#unread-badge")).to_be_hidden()
    await hers.locator("#message").fill("plain answer")
    await hers.get_by_role("button", name="Send").click()
    await his.locator(".said.mine summary").click()
    await his.get_by_role("button", name="Delete for both").click()
    await expect(stored(his)).to_have_text(["plain answer"])


async def test_older_messages_come_while_one_scrolls_and_nothing_jumps(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    for number in range(65):
        await harry.send(gitau, f"number {number}")
    await gitau.get("/messages")
    page = await open_with(await browser_of(gitau), harry)
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await expect(page.locator(".said").last).to_be_in_viewport()
    for first in (5, 0):
        before = await stored(page).first.inner_text()
        await page.evaluate("window.scrollTo({ top: 0, behavior: 'instant' })")
        await expect(stored(page).first).to_have_text(f"number {first}", timeout=RETURN_CEILING_MS)
        # What was read when more came above it is where it was.
        await expect(page.get_by_text(before, exact=True)).to_be_in_viewport()
    texts = await stored(page).all_inner_texts()
    assert texts == [f"number {number}" for number in range(65)]
    # The reply box is never wider than the phone, and nothing else is either.
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
