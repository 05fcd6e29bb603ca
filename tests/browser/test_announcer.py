"""A flood of live changes is told to a screen reader politely, and gathered."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge, open_window
from tests.conftest import People

MESSAGES = 15
# A machine with other things to do.
CEILING_MS = 40_000
LISTEN = """
    window.said = [];
    const heard = document.querySelector("#announcer");
    new MutationObserver(() => heard.textContent && window.said.push(heard.textContent))
        .observe(heard, { childList: true, characterData: true, subtree: true });
"""


async def test_a_flood_of_messages_is_said_in_a_few_sentences(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    window = await open_window(await browser_of(gitau))
    # "status" is polite: it waits until the reader has finished a sentence.
    assert await window.locator("#announcer").get_attribute("role") == "status"
    assert await window.locator("[aria-live=assertive], [role=alert]").count() == 0
    await window.evaluate(LISTEN)
    for number in range(MESSAGES):
        await harry.send(gitau, f"message {number}")
    await expect(badge(window)).to_have_text(str(MESSAGES), timeout=CEILING_MS)
    sentence = f"Message from {harry.username}"
    await expect(window.locator("#announcer")).to_contain_text(sentence, timeout=CEILING_MS)
    said = await window.evaluate("window.said")
    assert 1 <= len(said) <= MESSAGES // 2, said
    assert all(text.count("Message from") <= 1 for text in said), said
