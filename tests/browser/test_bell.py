"""The bell in real windows: counted and seen on every device, told once, and never in the way."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.pushing import pushing_to
from tests.browser.test_badge import open_window
from tests.conftest import People, Serve
from tests.notify import notify
from tests.patience import until

# The desktop and the loudspeaker are spied upon, and a tab can be put out of view: a browser
# without a screen shows all.
SPY = """
window.desktop = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  constructor(title, options) { super(); window.desktop.push({ title, ...options }); }
  close() {}
};
window.notes = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  window.notes.push(this.frequency.value);
  start.apply(this, when);
};
let away = false;
const shown = { hidden: () => away, visibilityState: () => (away ? "hidden" : "visible") };
for (const [name, get] of Object.entries(shown))
  Object.defineProperty(Document.prototype, name, { get, configurable: true });
window.setAway = (to) => { away = to; document.dispatchEvent(new Event("visibilitychange")); };
"""

# The same event in several tabs at the same moment, again and again; gives what this tab may tell.
CLAIM = """async ([number, startMs]) => {
    const { Told } = await import("/static/js/centre/told.js");
    const told = new Told("7");
    const claimed = [];
    for (let sequence = 1; sequence <= number; sequence++) {
        while (Date.now() < startMs + sequence * 10) await new Promise((go) => setTimeout(go, 1));
        claimed.push(...(await told.claim([{ timestamp: 1, sequence }])));
    }
    return claimed.map((one) => one.sequence);
}"""


async def told_on_the_desktop(*tabs: Page) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for tab in tabs:
        found += await tab.evaluate("window.desktop")
    return found


async def test_the_panel_is_seen_on_every_device_and_followed_from(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    desk, phone = (
        await open_window(await browser_of(gitau)),
        await open_window(await browser_of(gitau)),
    )
    await harry.send(gitau, "The kettle is on.")
    for window in (desk, phone):
        await expect(window.locator("#bell [data-figure]")).to_have_text("1")
        assert (await window.title()).startswith("(1) ")
    await expect(desk.locator('link[rel="icon"]')).to_have_attribute(
        "href", await desk.locator('link[rel="icon"]').get_attribute("data-dotted") or ""
    )

    await desk.get_by_role("link", name="Notifications").click()
    panel = desk.locator("#bell-panel")
    await expect(panel).to_contain_text("The kettle is on.")
    for window in (desk, phone):
        await expect(window.locator("#bell [data-count]")).to_be_hidden()
    # It is seen, and still unread.
    await expect(panel.locator(".note-unread")).to_have_count(1)
    await harry.send(gitau, "And the cake is out.")
    await expect(panel).to_contain_text("And the cake is out.")
    await expect(desk.locator("#bell [data-count]")).to_be_hidden()

    await desk.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(desk.locator("#bell")).to_be_focused()
    await desk.keyboard.press("Enter")
    await panel.get_by_role("button", name="Mark all as read").click()
    await expect(panel.locator(".note-unread")).to_have_count(0)
    await panel.get_by_role("link", name=f"Message from {harry.username}").first.click()
    await expect(desk).to_have_url(re.compile(f"/{harry.username}$"))


async def test_any_named_notification_rings_the_open_windows(
    serve: Serve, people: People, browser_of: OpenBrowser
) -> None:
    # Without Redis a command is heard of by reconcile.
    server = await serve(NOTIFIER_RECONCILE_SECONDS=0.5)
    (gitau,) = await people("gitau", on=server)
    window = await open_window(await browser_of(gitau))
    await window.locator("[name=body]").fill("I am writing")
    told = json.dumps({"title": "Back at noon", "text": "<b>The kettle moves.</b>"})
    code, said = await notify(server, gitau.username, "announcement", told, "--kept")
    assert code == 0, said
    await expect(window.locator("#toasts")).to_contain_text("<b>The kettle moves.</b>")
    await expect(window.locator("#bell [data-figure]")).to_have_text("1")
    await expect(window.locator("#unread-badge")).to_be_hidden()
    assert (await window.title()).startswith("(1) ")
    await expect(window.locator("[name=body]")).to_be_focused()
    assert await window.evaluate("window.notReloaded")


async def test_the_desktop_is_told_once_and_only_when_nobody_looks(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    hers: BrowserContext = await browser_of(gitau)
    await hers.add_init_script(SPY)
    one, two = await open_window(hers), await open_window(hers)

    await harry.send(gitau, "seen")
    await expect(one.locator("#bell [data-figure]")).to_have_text("1")
    for tab in (one, two):
        await tab.evaluate("setAway(true)")
    await harry.send(gitau, "missed")
    told = await until(lambda: told_on_the_desktop(one, two), "a notification")
    assert [(one["title"], one["body"]) for one in told] == [
        (f"Message from {harry.username}", "missed")
    ]

    await one.evaluate("setAway(false)")
    await harry.send(gitau, "seen again")
    await expect(one.locator("#toasts")).to_contain_text("seen again")
    await one.evaluate("setAway(true)")
    await harry.send(gitau, "and now not")
    await until(lambda: _has_told(one, two, 2), "a second notification")
    told = await told_on_the_desktop(one, two)
    assert sorted(note["body"] for note in told) == ["and now not", "missed"]


async def test_who_chose_the_sound_hears_it_when_nobody_looks(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    fields = {"way": "message.sound", "time_zone": "UTC"}
    chosen = await gitau.request("POST", "/settings/notifications", fields=fields)
    assert chosen.status == 303, chosen.text
    hers: BrowserContext = await browser_of(gitau)
    await hers.add_init_script(SPY)
    window = await open_window(hers)
    # A browser plays nothing before somebody touched the page.
    await window.locator("h1").first.click()
    await window.evaluate("setAway(true)")
    await harry.send(gitau, "ping")
    notes = await until(lambda: window.evaluate("window.notes"), "a sound")
    assert notes == [660, 880]
    assert await told_on_the_desktop(window) == []


async def test_tabs_that_ask_at_the_same_moment_never_both_tell(
    people: People, browser_of: OpenBrowser
) -> None:
    (gitau,) = await people("gitau")
    hers = await browser_of(gitau)
    tabs = [await open_window(hers) for _ in range(2)]
    number, start_ms = 300, time.time() * 1000 + 500
    claimed = await asyncio.gather(*(tab.evaluate(CLAIM, [number, start_ms]) for tab in tabs))
    assert all(claimed), "the tabs did not meet"
    assert sorted(itertools.chain(*claimed)) == list(range(1, number + 1))


async def _has_told(one: Page, two: Page, number: int) -> bool:
    return len(await told_on_the_desktop(one, two)) >= number


async def test_a_card_gives_way_to_where_one_writes(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await open_window(await browser_of(gitau))
    await window.set_viewport_size({"width": 390, "height": 360})
    field = window.locator("[name=body]")
    await field.focus()
    await field.evaluate("field => field.scrollIntoView({ block: 'end' })")
    # The page gets there in some frames; a card that comes on the way is moved at the next of them.
    there = "field => field.getBoundingClientRect().bottom < window.innerHeight + 1"
    await until(lambda: field.evaluate(there), "the field at the lower edge")
    await harry.send(gitau, "hello")
    card = window.locator(".toast-card")
    await expect(card).to_be_visible()
    above, place = await card.bounding_box(), await field.bounding_box()
    assert above and place
    apart = above["y"] + above["height"] <= place["y"] or above["y"] >= place["y"] + place["height"]
    assert apart, (above, place)


async def test_the_worker_shows_a_push_when_no_page_is_open(
    people: People, browser_of: OpenBrowser
) -> None:
    (gitau,) = await people("gitau")
    hers = await browser_of(gitau)
    origin = f"http://127.0.0.1:{gitau.port}"
    await hers.grant_permissions(["notifications"], origin=origin)
    page = await hers.new_page()
    await page.goto("/")
    async with hers.expect_event("serviceworker") as found:
        await page.evaluate(
            "navigator.serviceWorker.register('/service-worker.js')"
            ".then(() => navigator.serviceWorker.ready).then(() => true)"
        )
    worker = await found.value
    push = await pushing_to(worker, page, origin)
    told = {"title": "Message from harry", "body": "hello", "tag": "t", "link": "/notifications/1"}
    assert await push.shown_after(told) == [], "a page in view tells it itself"
    await page.goto("about:blank")
    expected = [["Message from harry", "hello", "/notifications/1"]]
    assert await push.shown_after(told) == expected
