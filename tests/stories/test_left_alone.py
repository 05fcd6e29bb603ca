"""Being left alone, in real browsers: a block, a mute, a report, a device, an export, leaving."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser
from tests.conftest import People
from tests.person import PASSWORD, Person
from tests.processes import Server


async def choose(page: Page, what: str) -> None:
    """Open the menu about a person, and choose."""
    menu = page.locator("details.safety")
    await menu.locator("summary").click()
    await menu.get_by_text(what, exact=True).click()


async def live(page: Page) -> None:
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")


async def test_gitau_blocks_harry_and_harry_notices_nothing(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    his = await (await browser_of(harry)).new_page()
    hers = await (await browser_of(gitau)).new_page()
    await his.goto(f"/conversations/{gitau.username}")
    await hers.goto("/")
    await live(his)
    await live(hers)
    await his.locator("#message").fill("hello")
    await his.locator("#message").press("Enter")
    await expect(hers.locator("#unread-badge [data-figure]")).to_have_text("1")

    await hers.goto(f"/conversations/{harry.username}")
    await choose(hers, "Block")
    await expect(hers.locator("main")).to_contain_text("You have blocked this person")
    await live(hers)
    await his.locator("#message").fill("are you there?")
    await his.locator("#message").press("Enter")
    await expect(his.locator(".said[data-message] .words")).to_have_text(
        ["hello", "are you there?"]
    )
    await expect(his.locator("[data-key]")).to_have_count(0)
    await hers.goto("/conversations")
    await live(hers)
    await expect(hers.locator("main")).not_to_contain_text(harry.username)
    await expect(hers.locator("#unread-badge")).to_be_hidden()

    await hers.goto("/settings")
    await hers.get_by_role("button", name=f"Unblock {harry.username}").click()
    await hers.goto(f"/conversations/{harry.username}")
    await expect(hers.locator(".said[data-message] .words")).to_have_text(["hello"])


async def test_a_block_empties_the_other_windows_too(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau, third = await people("harry", "gitau", "third")
    await harry.send(gitau, "words that nobody wants")
    await harry.request("POST", "/", fields={"body": "more of such words"})
    await third.send(gitau, "good morning")
    hers = await browser_of(gitau)
    here, listed, writing, front, told = [await hers.new_page() for _ in range(5)]
    await listed.goto("/conversations")
    await writing.goto(f"/conversations/{harry.username}")
    await writing.locator("#message").fill("half a sentence")
    await front.goto("/")
    await told.goto("/notifications/all")
    await expect(front.locator("main")).to_contain_text("more of such words")
    await expect(told.locator("main")).to_contain_text(harry.username)
    await here.goto(f"/user/{harry.username}")
    for page in (here, listed, writing, front, told):
        await live(page)
    await choose(here, "Block")
    await expect(here.locator("main")).to_contain_text(f"You have blocked {harry.username}")
    for page in (listed, front, told):
        await expect(page.locator("main")).not_to_contain_text(harry.username)
    for page in (listed, told):
        await expect(page.locator("main")).to_contain_text(third.username)
    await expect(writing.locator("main")).not_to_contain_text("words that nobody wants")
    await expect(writing.locator("#message")).to_have_value("half a sentence")


async def test_who_leaves_is_gone_from_the_windows_of_the_others(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "words of mine")
    hers = await browser_of(gitau)
    listed, reading = [await hers.new_page() for _ in range(2)]
    await listed.goto("/conversations")
    await reading.goto(f"/conversations/{harry.username}")
    for page in (listed, reading):
        await expect(page.locator("main")).to_contain_text("words of mine")
        await live(page)
    left = await harry.request("POST", "/delete-account", fields={"password": PASSWORD})
    assert left.status == 303
    for page in (listed, reading):
        await expect(page.locator("main")).not_to_contain_text("words of mine")


async def test_a_muted_person_rings_nowhere_and_shows_where_one_looks(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    browser = await browser_of(gitau)
    talk, home = await browser.new_page(), await browser.new_page()
    await talk.goto(f"/conversations/{harry.username}")
    await choose(talk, "Mute")
    await talk.goto(f"/conversations/{harry.username}")
    await home.goto("/")
    await live(talk)
    await live(home)
    await harry.send(gitau, "quietly said")
    await expect(talk.locator(".said[data-message] .words")).to_have_text(["quietly said"])
    await expect(home.locator("#unread-badge")).to_be_hidden()
    await expect(home.locator("#toasts")).not_to_contain_text("quietly said")


async def test_a_report_ends_in_a_suspension(
    server: Server, people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau, mona = await people("harry", "gitau", "mona")
    await server.sql(
        'UPDATE "user" SET is_moderator = true WHERE username = :name', name=mona.username
    )
    await harry.send(gitau, "an unkind word")
    hers = await (await browser_of(gitau)).new_page()
    await hers.goto(f"/conversations/{harry.username}")
    await choose(hers, "Report")
    await hers.get_by_label("What is wrong?").fill("He is unkind.")
    await hers.get_by_label("an unkind word").check()
    await hers.get_by_role("button", name="Send report").click()
    await expect(hers.locator(".notice-good")).to_contain_text("Thank you")

    his = await (await browser_of(harry)).new_page()
    await his.goto("/")
    await live(his)
    moderation = await (await browser_of(mona)).new_page()
    await moderation.goto("/settings")
    await moderation.get_by_role("link", name="Reports of this site").click()
    report = moderation.locator("[data-report]").filter(has_text=harry.username)
    await expect(report).to_contain_text("an unkind word")
    await report.get_by_role("button", name="Suspend").click()
    await his.wait_for_url("**/login**")
    await his.get_by_label("Username").fill(harry.username)
    await his.get_by_label("Password").fill(PASSWORD)
    await his.get_by_role("button", name="Sign in").click()
    await expect(his.get_by_role("alert")).to_contain_text("suspended")


async def test_one_takes_ones_data_along_and_leaves(
    people: People, browser_of: OpenBrowser
) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "words to take along")
    elsewhere = Person(harry.port, harry.username)
    await elsewhere.sign_in()
    page = await (await browser_of(harry)).new_page()
    await page.goto("/settings")
    await live(page)
    async with elsewhere.stream() as stream:
        await page.get_by_role("button", name="Sign out everywhere else").click()
        await stream.named("signed_out")
    await live(page)
    await page.get_by_role("button", name="Put my data together").click()
    link = page.locator("[data-export-link]")
    await expect(link).to_be_visible()
    async with page.expect_download() as fetching:
        await link.click()
    assert "words to take along" in (await (await fetching.value).path()).read_text()

    await page.get_by_role("link", name="Delete the account").click()
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Delete everything").click()
    await page.wait_for_url("**/login")
    await expect(page.locator("main")).to_contain_text("is deleted")
    assert (await gitau.get(f"/user/{harry.username}")).status == 404
