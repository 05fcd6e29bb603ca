"""Every page, light and dark, wide and at 320 px: axe finds nothing, nothing scrolls sideways, and
whatever one presses is large enough for a thumb."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page

from tests.browser.conftest import OpenBrowser
from tests.conftest import People
from tests.integration.test_moderation import report
from tests.integration.test_routes import routes
from tests.person import Person
from tests.processes import Server

Scheme = Literal["light", "dark"]

# What is asked by scripts, by programs or by operators, and fragments that stand in no page yet.
NO_PAGES = (
    "/static/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/stream",
    "/notifications/panel",
    "/notifications/card",
    "/people",
    "/diagnostics/clock",
    "/diagnostics/drip",
    "/index",
)
# Pages that say so by their status, and are pages all the same.
NOT_THERE = ("/nowhere",)
# A thumb hits 44 px; a hair less is the rounding of a browser.
TARGET_PX = 43.5
SMALL_TARGETS = """
    (least) => [...document.querySelectorAll(
        "button, input:not([type=hidden]), select, textarea, summary, nav a, a.btn, [role=button]"
    )].filter((element) => {
        // A box to tick is as large as the line that it stands in, which is its label.
        const label = element.closest("label, .form-check");
        const box = (label ?? element).getBoundingClientRect();
        const shown = element.checkVisibility({ visibilityProperty: true }) && box.width > 1;
        return shown && (box.height < least || box.width < Math.min(least, 40));
    }).map((element) => element.outerHTML.slice(0, 160))
"""


def pages(harry: Person) -> list[str]:
    """Every address that shows a page to somebody who is signed in."""
    found = {"/nowhere", "/search?q=hello"}
    for method, rule in routes():
        if method != "GET" or rule.startswith(NO_PAGES) or rule.endswith("/popup"):
            continue
        path = rule.replace("<username>", harry.username).replace("<recipient>", harry.username)
        if "<" not in path:
            found.add(path)
    return sorted(found)


async def troubles(page: Page, path: str) -> list[str]:
    """What somebody would stumble over on the page at `path`."""
    answer = await page.goto(path)
    assert answer is not None
    if "text/html" not in (answer.headers.get("content-type") or ""):
        return []
    if answer.status >= 500:
        return [f"{path}: answers {answer.status}"]
    # The moderators' page is there for whoever looks, and every page is in their language.
    assert (answer.status < 400) is not (path in NOT_THERE), (path, answer.status)
    language = await page.evaluate("document.documentElement.lang")
    assert await page.evaluate("navigator.language.slice(0, 2)") == language, path
    # What a script adds in its first moments is looked at too.
    await page.wait_for_load_state("load")
    found = await Axe().run(page)
    said = [
        f"{path}: {trouble['id']}: {node['html'][:160]}: {node['failureSummary'][:300]}"
        for trouble in found.response["violations"]
        for node in trouble["nodes"]
    ]
    beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if beyond > 0:
        said.append(f"{path}: scrolls sideways by {beyond} px")
    return said + [
        f"{path}: small: {html}" for html in await page.evaluate(SMALL_TARGETS, TARGET_PX)
    ]


async def lived_in(server: Server, harry: Person, gitau: Person) -> None:
    """So that the pages have something on them; Gitau sees those for moderators too."""
    await harry.send(gitau, "hello, a first message with a link: https://example.org/")
    await gitau.send(harry, "and an answer")
    await harry.send(gitau, "A-long-word-without-any-place-to-break-" * 3)
    await gitau.request("POST", "/", fields={"body": "good morning, everybody"})
    await report(server, gitau, harry, "hello, a first message")
    await server.sql(
        'UPDATE "user" SET is_moderator = true WHERE username = :name', name=gitau.username
    )


async def seen_as(browser: BrowserContext, paths: list[str]) -> list[str]:
    page = await browser.new_page()
    found = []
    for path in paths:
        found += await troubles(page, path)
    return found


@pytest.mark.parametrize(
    ("width", "locale"), [(1100, "en-GB"), (320, "en-GB"), (1100, "ko-KR"), (320, "ko-KR")]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_for_everyone(
    server: Server,
    people: People,
    browser_of: OpenBrowser,
    scheme: Scheme,
    width: int,
    locale: str,
) -> None:
    harry, gitau = await people("harry", "gitau")
    await lived_in(server, harry, gitau)
    looks: dict[str, Any] = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": 800},
        "locale": locale,
    }
    signed_in = await browser_of(gitau, **looks)
    found = await seen_as(signed_in, pages(harry))
    newcomer = await browser_of(Person(harry.port), **looks)
    found += await seen_as(newcomer, ["/login", "/register", "/nowhere"])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_opens_over_a_page_is_for_everyone(
    server: Server, people: People, browser_of: OpenBrowser, scheme: Scheme
) -> None:
    harry, gitau = await people("harry", "gitau")
    await lived_in(server, harry, gitau)
    looks: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 360, "height": 740}}
    page = await (await browser_of(gitau, **looks)).new_page()
    await page.goto(f"/user/{harry.username}")
    opened = []
    for opener, what in ((".menu summary", ".menu-list"), ("#bell", "#bell-panel")):
        await page.locator(opener).click()
        await page.locator(what).wait_for()
        opened += (await Axe().run(page)).response["violations"]
        await page.keyboard.press("Escape")
    await page.goto("/")
    await page.locator("a.person").first.focus()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Tab")
    await page.locator("#popcard").wait_for()
    opened += (await Axe().run(page)).response["violations"]
    assert not opened, opened
