"""The script makes the same links of a text as the server does."""

from __future__ import annotations

from tests.browser.conftest import OpenBrowser
from tests.conftest import People
from tests.unit.links import EXAMPLES

LINKED = """async (texts) => {
    const { linked } = await import("/static/js/links.js");
    return texts.map((words) => {
        const place = document.createElement("p");
        place.append(...linked(words));
        return [place.textContent, [...place.querySelectorAll("*")].map((one) => [
            one.localName, one.getAttribute("href"), one.rel,
        ])];
    });
}"""


async def test_the_script_finds_the_same_links_as_the_server(
    people: People, browser_of: OpenBrowser
) -> None:
    (harry,) = await people("harry")
    page = await (await browser_of(harry)).new_page()
    await page.goto("/")
    found = await page.evaluate(LINKED, [text for text, _ in EXAMPLES])
    rel = "noopener noreferrer nofollow ugc"
    assert found == [
        [text, [["a", address, rel] for address in addresses]] for text, addresses in EXAMPLES
    ]
