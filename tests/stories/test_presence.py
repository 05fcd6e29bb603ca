"""Somebody goes from tab to tab, away and back, on two devices; the other's page follows."""

from __future__ import annotations

from playwright.async_api import Page, Request, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_conversations import open_conversation
from tests.conftest import People
from tests.patience import until
from tests.person import Person

# The script looks away two seconds after the last tab was hidden; the rest is a busy machine.
FOLLOWS_CEILING_MS = 15_000
# A line stays five seconds after the last signal.
LINE_CEILING_MS = 15_000
TYPED_SECONDS = 7
TYPED_EVERY_MS = 250

# A headless browser hides no tab, so the page is told so.
SHOWN = """(shown) => {
    const facts = { hidden: () => !shown, visibilityState: () => (shown ? "visible" : "hidden") };
    for (const [name, get] of Object.entries(facts)) {
        Object.defineProperty(document, name, { configurable: true, get });
    }
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def shows(page: Page, state: str) -> None:
    place = page.locator(".talk-head [data-presence]")
    await expect(place).to_have_text(state, timeout=FOLLOWS_CEILING_MS)


async def test_the_others_page_follows_somebody_from_tab_to_tab_and_device_to_device(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    hers = await open_conversation(browser_of, gitau, harry)
    desk = await browser_of(harry)
    first, second = await desk.new_page(), await desk.new_page()
    await first.goto("/")
    await shows(hers, "Here now")
    await second.goto("/messages/sent")

    await first.evaluate(SHOWN, False)
    await second.evaluate(SHOWN, False)
    await shows(hers, "Away")
    await second.evaluate(SHOWN, True)
    await shows(hers, "Here now")

    # Another device of his: while one of them is looked at, he is here.
    elsewhere = Person(harry.port, harry.username)
    assert (await elsewhere.sign_in()).status == 303
    phone = await (await browser_of(elsewhere)).new_page()
    await phone.goto("/")
    said: list[str] = []
    phone.on("request", lambda request: _note(said, request))
    await phone.evaluate(SHOWN, False)
    await until(lambda: "state=away" in said, "the phone says that it is away")
    await hers.reload()
    await shows(hers, "Here now")
    await second.evaluate(SHOWN, False)
    await shows(hers, "Away")


def _note(said: list[str], request: Request) -> None:
    if request.url.endswith("/presence") and request.post_data:
        said.append(request.post_data)


async def test_typing_is_said_seldom_and_goes_by_itself(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await open_conversation(browser_of, harry, gitau)
    hers = await open_conversation(browser_of, gitau, harry)
    asked: list[str] = []
    his.on("request", lambda request: asked.append(request.url))
    words = "a" * (TYPED_SECONDS * 1000 // TYPED_EVERY_MS)
    await his.locator("#message").press_sequentially(words, delay=TYPED_EVERY_MS)
    line = hers.locator("#typing")
    await expect(line).to_be_visible()
    typed = [url for url in asked if "/typing/" in url]
    assert 2 <= len(typed) <= len(words) * TYPED_EVERY_MS // 1000 // 2, typed
    await expect(line).to_be_hidden(timeout=LINE_CEILING_MS)
    assert await hers.locator(".said").count() == 0, "nothing was sent"
    rows = await gitau.notifications()
    assert [row for row in rows if row["name"] == "typing"] == []
