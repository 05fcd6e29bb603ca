"""A day by keyboard alone: whatever is done here is done with Tab, Enter, Escape and letters."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge
from tests.conftest import People
from tests.patience import until
from tests.person import PASSWORD, Person
from tests.processes import Server
from tests.stories.test_everyone import lived_in, pages

# More stops than any page has.
STOPS_MOST = 80
# Where the focus is can be seen: an outline, or what stands in for one on a field.
SEEN = """
    () => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        const drawn =
            (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) ||
            style.boxShadow !== "none";
        const inView = box.bottom > 0 && box.top < innerHeight && box.width > 0;
        return drawn && inView;
    }
"""


async def holds_focus(target: Locator) -> bool:
    return bool(await target.evaluate("(element) => element === document.activeElement"))


async def shows_focus(page: Page) -> bool:
    return bool(await page.evaluate(SEEN))


async def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until `target` has the focus; it is seen at every stop on the way."""
    await expect(target).to_have_count(1)
    for _ in range(STOPS_MOST):
        if await holds_focus(target):
            return
        await page.keyboard.press(key)
        if await page.evaluate("document.activeElement !== document.body"):
            # The page may still be on its way there.
            await until(lambda: shows_focus(page), f"a visible focus on {page.url}", 5)
    raise AssertionError(f"{page.url}: no {key} leads to {target}")


async def press(page: Page, target: Locator, key: str = "Enter") -> None:
    await tab_to(page, target)
    await page.keyboard.press(key)


async def fill(page: Page, field: str, words: str) -> None:
    await tab_to(page, page.locator(f"#{field}"))
    await page.keyboard.type(words)


async def sign_up_and_in(page: Page, name: str) -> None:
    await page.goto("/login")
    main = page.get_by_role("main")
    await press(page, main.get_by_role("link", name="Register"))
    await page.wait_for_url("**/register")
    await fill(page, "username", name)
    await fill(page, "email", f"{name}@example.org")
    await fill(page, "password", PASSWORD)
    await fill(page, "confirm_password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/login**")
    await fill(page, "username", name)
    await fill(page, "password", PASSWORD)
    await press(page, page.locator("#remember_me"), "Space")
    await press(page, main.get_by_role("button", name="Sign in"))
    await page.wait_for_url(re.compile(r":\d+/$"))


async def test_a_day_by_keyboard_alone(people: People, browser_of: OpenBrowser) -> None:
    (harry,) = await people("harry")
    name = harry.username.replace("harry", "keys")
    page = await (await browser_of(Person(harry.port))).new_page()
    await sign_up_and_in(page, name)
    main = page.get_by_role("main")

    # The first stop of every page leads past the bar.
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await tab_to(page, page.locator("#body"))
    await page.keyboard.type("Written without a mouse.")
    await press(page, main.get_by_role("button", name="Post"))
    await expect(main.locator(".entries")).to_contain_text("Written without a mouse.")

    # The list, a person, the conversation; what is found shows while one types.
    await press(page, page.get_by_role("navigation").get_by_role("link", name="Messages"))
    await page.wait_for_url("**/conversations")
    await tab_to(page, page.locator("#find-words"))
    await page.keyboard.type(harry.username)
    await press(page, page.locator("#found").get_by_role("link", name=harry.username).first)
    await page.wait_for_url("**/conversations/*")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    box = page.locator("#message")
    await tab_to(page, box)
    await page.keyboard.type("first words")
    await page.keyboard.press("Enter")
    await expect(page.locator(".said.mine[data-message]")).to_have_count(1)
    await expect(box).to_be_focused()

    # What arrives takes neither the focus nor the words that are being written.
    await page.keyboard.type("half a sen")
    someone = Person(harry.port, name)
    await harry.send(someone, "an answer")
    await expect(page.locator(".said.theirs")).to_contain_text("an answer")
    await expect(box).to_be_focused()
    await page.keyboard.type("tence")
    await expect(box).to_have_value("half a sentence")
    await page.keyboard.press("Enter")
    await expect(page.locator(".said.mine[data-message]")).to_have_count(2)

    # A message of one's own is deleted; Escape and Tab lead on from there.
    menu = page.locator(".said.mine summary").last
    await tab_to(page, menu, "Shift+Tab")
    await page.keyboard.press("Enter")
    await press(page, page.locator(".said.mine .said-delete").last)
    await expect(page.locator(".said.mine[data-message]")).to_have_count(1)
    assert await page.evaluate("document.activeElement !== document.body"), "the focus was lost"


async def test_the_bell_the_settings_and_the_way_out_by_keyboard(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    page = await (await browser_of(gitau)).new_page()
    await page.goto("/")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    # A card, a count and a line of the panel come, and the focus stays.
    await tab_to(page, page.locator("#body"))
    await harry.send(gitau, "one")
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("#toasts")).to_contain_text("one")
    await expect(page.locator("#body")).to_be_focused()

    bell, panel = page.locator("#bell"), page.locator("#bell-panel")
    await tab_to(page, bell, "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(panel).to_be_focused()
    await tab_to(page, panel.locator(".note-link"))
    await harry.send(gitau, "two")
    await expect(panel.locator(".note")).to_have_count(2)
    # The panel was drawn anew, and the reader is on the line where they were.
    await expect(panel.locator(".note-link").last).to_be_focused()
    await tab_to(page, panel.get_by_role("button", name="Mark all as read"), "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(panel.locator(".note-unread")).to_have_count(0)
    # The button went with what it was for; the focus is in the panel still.
    await expect(panel).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(bell).to_be_focused()

    # The menu opens and closes; Escape leads back to what opened it.
    summary = page.locator(".menu > summary")
    await press(page, summary)
    await tab_to(page, page.get_by_role("link", name="Your profile"))
    await page.keyboard.press("Escape")
    await expect(page.locator(".menu-list")).to_be_hidden()
    await expect(summary).to_be_focused()
    await page.keyboard.press("Enter")
    await press(page, page.get_by_role("link", name="Settings", exact=True))
    await page.wait_for_url("**/settings")
    # Every stop of the longest page can be seen, down to the language at its foot.
    last = page.locator("footer a, footer button, footer select").last
    await tab_to(page, last)

    await press(page, page.locator(".menu > summary"))
    await press(page, page.locator(".menu-list button"))
    await page.wait_for_url("**/login**")
    await page.go_back()
    await expect(page.get_by_label("Password")).to_be_visible()


# Whatever the Tab key should reach on a page as it stands: of a row of radio buttons one.
REACHABLE = """
    () => [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
    )].filter((element) =>
        !element.disabled && element.tabIndex >= 0 &&
        element.checkVisibility({ visibilityProperty: true }) &&
        !(element.type === "radio" && !element.checked &&
            document.querySelector(`[type=radio][name="${element.name}"]:checked`))
    ).length
"""
# Each stop is counted once, however often one comes by.
NEW_STOP = """
    () => {
        const element = document.activeElement;
        if (element === document.body || element.dataset.stop) return false;
        element.dataset.stop = "yes";
        return true;
    }
"""


async def stops(page: Page, path: str) -> list[str]:
    """What is wrong with walking over the page at `path` from its first stop to its last."""
    answer = await page.goto(path)
    assert answer is not None
    if "text/html" not in (answer.headers.get("content-type") or ""):
        return []
    reachable = await page.evaluate(REACHABLE)
    seen, troubles = 0, []
    # A field for a date or a time has some stops of its own.
    for _ in range(reachable + STOPS_MOST):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement === document.body") and seen >= reachable:
            break
        if await page.evaluate(NEW_STOP):
            seen += 1
            try:
                await until(lambda: shows_focus(page), "a visible focus", 5)
            except AssertionError:
                html = await page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
                troubles.append(f"{path}: nobody sees the focus on {html}")
    if seen < reachable:
        troubles.append(f"{path}: Tab reaches {seen} of {reachable}")
    return troubles


async def test_every_page_in_korean_and_narrow_can_be_walked_by_keyboard(
    server: Server, people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await lived_in(server, harry, gitau)
    looks: dict[str, Any] = {"locale": "ko-KR", "viewport": {"width": 320, "height": 720}}
    page = await (await browser_of(gitau, **looks)).new_page()
    found = [trouble for path in pages(harry) for trouble in await stops(page, path)]
    newcomer = await (await browser_of(Person(harry.port), **looks)).new_page()
    for path in ("/login", "/register"):
        found += await stops(newcomer, path)
    assert not found, "\n".join(found)
