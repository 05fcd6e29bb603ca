"""A conversation in real windows: what is written shows at once, and what is unread is right."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenBrowser
from tests.conftest import People
from tests.person import Person

# Comes after the page's `load` event, being imported by another script.
SCRIPT_OF_THE_CONVERSATION = "**/js/conversation/open.js"


async def open_conversation(browser_of: OpenBrowser, person: Person, other: Person) -> Page:
    page = await (await browser_of(person)).new_page()
    # As everybody comes to it: by a page of ours, so that the server knows of the scripts.
    await page.goto("/conversations")
    await page.goto(f"/conversations/{other.username}")
    # The conversation's script has come. What is sent before goes as without it: other tests.
    await expect(page.locator("#told")).to_have_attribute("data-state", "live")
    return page


async def test_two_people_converse_without_a_reload(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await open_conversation(browser_of, harry, gitau)
    hers = await open_conversation(browser_of, gitau, harry)
    box = his.locator("#message")
    await box.fill("hello 👩‍👩‍👧 https://example.org/x.")
    await box.press("Shift+Enter")
    await box.press("Enter")
    await expect(his.locator(".said.mine[data-message]")).to_have_count(1)
    await expect(box).to_have_value("")
    said = hers.locator(".said.theirs[data-message]")
    await expect(said).to_have_count(1)
    await expect(said.locator("a")).to_have_attribute("href", "https://example.org/x")
    # Seen by her: nothing is left to read, in this window and in the count.
    await expect(hers.locator("[data-unread]")).to_have_count(0)
    await expect(hers.locator("#unread-badge")).to_be_hidden()
    assert await gitau.unread() == 0
    await hers.locator("#message").fill("hi")
    await hers.locator("#message").press("Enter")
    await expect(his.locator(".said.theirs .words")).to_have_text("hi")
    # And he takes back what he said: it goes on both sides.
    await his.locator(".said.mine").hover()
    await his.locator(".said.mine summary").click()
    await his.get_by_role("button", name="Delete for both").click()
    await expect(his.locator(".said.mine")).to_have_count(0)
    await expect(hers.locator(".said.theirs")).to_have_count(0)


async def test_a_refused_message_keeps_its_text_and_says_why(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await open_conversation(browser_of, harry, gitau)
    # The script's own counter would not let it go: the server's word is what is looked at.
    await his.locator("#message").evaluate("box => box.dataset.most = 1000")
    await his.locator("#message").fill("x" * 141)
    await his.locator("#message").press("Enter")
    refused = his.locator(".said[data-state=refused]")
    await expect(refused).to_contain_text("at most 140 characters")
    await refused.get_by_role("button", name="Edit").click()
    await expect(his.locator("#message")).to_have_value("x" * 141)
    await expect(refused).to_have_count(0)


async def test_enter_sends_before_the_script_of_the_conversation_has_come(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await (await browser_of(harry)).new_page()
    await his.route(SCRIPT_OF_THE_CONVERSATION, lambda route: route.abort())
    await his.goto(f"/conversations/{gitau.username}")
    await his.locator("#message").fill("hello, I cannot wait")
    await his.keyboard.press("Enter")
    await expect(his.locator(".said.mine[data-message]")).to_have_count(1)
    await expect(his.locator("#message")).to_have_value("")


async def test_what_left_before_the_script_had_come_is_not_sent_again_by_the_script(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await (await browser_of(harry)).new_page()
    script_may_come = asyncio.Event()
    posts: list[str] = []

    async def hold(route: Route) -> None:
        await script_may_come.wait()
        await route.continue_()

    async def answer_without_a_page(route: Route) -> None:
        if route.request.method == "POST":
            posts.append(route.request.url)
            # With 204 a browser stays where it is, as while it waits: its page still says "sent".
            await route.fulfill(status=204)
        else:
            await route.continue_()

    await his.route(SCRIPT_OF_THE_CONVERSATION, hold)
    await his.route(f"**/conversations/{gitau.username}", answer_without_a_page)
    await his.goto(f"/conversations/{gitau.username}")
    box = his.locator("#message")
    await box.fill("hello, I cannot wait")
    async with his.expect_response(lambda response: response.request.method == "POST"):
        await his.keyboard.press("Enter")
    script_may_come.set()
    await expect(his.locator("#told")).to_have_attribute("data-state", "live")
    await his.keyboard.press("Enter")
    await expect(box).to_have_value("hello, I cannot wait")
    await expect(his.locator(".said")).to_have_count(0)
    assert len(posts) == 1


async def test_people_and_words_are_found_while_one_types(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await gitau.send(harry, "the umbrella is yours")
    window = await (await browser_of(harry)).new_page()
    await window.goto("/conversations")
    await expect(window.locator(".line")).to_contain_text("umbrella")
    await window.locator("#find-words").fill(gitau.username)
    await expect(window.locator("#found")).to_contain_text(gitau.username)
    await window.locator("#find-words").fill("umbre")
    await window.locator("#found .line a", has_text="umbrella").click()
    await window.wait_for_url("**/conversations/*around=*")
    await expect(window.locator(".said:target")).to_contain_text("umbrella")
