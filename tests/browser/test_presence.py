"""What open pages show of the other: typing, seen, here and away."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_conversations import open_conversation
from tests.conftest import People


async def test_a_conversation_shows_typing_seen_and_who_is_here(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "one")
    his = await open_conversation(browser_of, harry, gitau)
    mark = his.locator(".said.mine [data-mark]")
    await expect(mark).to_have_text("Sent")
    near = his.locator(f'.talk-head [data-presence="{gitau.username}"]')
    await expect(near).to_contain_text("Last seen")

    hers = await open_conversation(browser_of, gitau, harry)
    await expect(near).to_have_text("Here now")
    await expect(mark).to_have_text("Seen")
    place = await his.locator("#message").bounding_box()
    await expect(his.locator("#typing")).to_be_hidden()
    await hers.locator("#message").press_sequentially("hi")
    await expect(his.locator("#typing")).to_have_text(f"{gitau.username} is typing…")
    await expect(his.locator("#typing")).to_be_visible()
    assert await his.locator("#message").bounding_box() == place, "nothing moves for it"
    await hers.locator("#message").press("Enter")
    await expect(his.locator(".said.theirs .words")).to_have_text("hi")
    await expect(his.locator("#typing")).to_be_hidden()
    await his.reload()
    await expect(mark).to_have_text("Seen")
    await his.goto("/conversations")
    await expect(his.locator(".line [data-presence]")).to_have_text("Here now")

    # Who hides everything is told nothing more, and tells nothing.
    await his.goto("/settings")
    await his.get_by_label("Show others that I have read their messages").uncheck()
    await his.get_by_label("Show others when I am here").uncheck()
    await his.locator("form[action='/settings/presence'] button").click()
    await expect(his.get_by_text("Saved.")).to_be_visible()
    await expect(hers.locator(".talk-head [data-presence]")).to_have_text("")
    await his.goto(f"/conversations/{gitau.username}")
    await expect(mark).to_have_text("Sent")
    await expect(near).to_have_text("")
