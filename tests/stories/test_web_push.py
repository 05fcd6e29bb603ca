"""Somebody turns pushes on, closes every page, and is told all the same.

The push service is one of the tests' own: it reads what was sent with the browser's keys, and hands
it to the real worker in a real Chromium, as a browser does with what its push service brings.
"""

from __future__ import annotations

import json
import re

from playwright.async_api import expect

from notifier import vapid
from tests.browser.conftest import OpenBrowser
from tests.browser.pushing import pushing_to
from tests.conftest import People, Serve
from tests.patience import until
from tests.person import Person
from tests.push_service import Browser, PushService

# What stands between the page and the push service of a browser's maker.
SUBSCRIBE = """
const given = %s;
const subscription = {
  endpoint: given.endpoint,
  toJSON: () => ({ endpoint: given.endpoint, keys: { p256dh: given.p256dh, auth: given.auth } }),
  unsubscribe: async () => { delete localStorage.subscribed; return true; },
};
PushManager.prototype.subscribe = async (options) => {
  localStorage.subscribed = options.applicationServerKey;
  return subscription;
};
PushManager.prototype.getSubscription = async () => localStorage.subscribed ? subscription : null;
"""


async def test_who_closed_every_page_is_pushed_to(
    serve: Serve, people: People, browser_of: OpenBrowser
) -> None:
    service, key = PushService(), vapid.new_private_key()
    await service.start()
    server = await serve(
        NOTIFIER_VAPID_PRIVATE_KEY=key,
        NOTIFIER_VAPID_SUBJECT="mailto:a@example.org",
        NOTIFIER_ENV="development",
        NOTIFIER_PUSH_AFTER_SECONDS=1,
    )
    harry, gitau = await people("harry", "gitau", on=server)
    hers = await browser_of(gitau)
    origin = f"http://127.0.0.1:{server.port}"
    await hers.grant_permissions(["notifications"], origin=origin)
    browser: Browser = service.browser("phone")
    await hers.add_init_script(SUBSCRIBE % json.dumps(browser.fields))

    page = await hers.new_page()
    await page.goto("/settings#notifications")
    async with hers.expect_event("serviceworker") as found:
        await page.get_by_role("button", name="Push to this browser").click()
    worker = await found.value
    await expect(page.locator("#browser-says")).to_contain_text("is pushed to")
    assert await page.evaluate("localStorage.subscribed") == vapid.public_key(key)
    push = await pushing_to(worker, page, origin)

    await harry.send(gitau, "while you look")
    await expect(page.locator("#bell [data-figure]")).to_have_text("1")
    await page.goto("about:blank")
    await until(lambda: _nobody_listens(gitau), "the server has seen her go")
    await harry.send(gitau, "while you are away")
    await until(lambda: bool(service.taken), "a push")
    (told,) = service.told
    assert (told["title"], told["body"]) == (
        f"Message from {harry.username}",
        "while you are away",
    ), "what she saw live is not pushed"

    shown = await push.shown_after(told)
    assert shown == [[told["title"], "while you are away", told["link"]]]
    await page.goto(told["link"] if told["link"].startswith("http") else origin + told["link"])
    await expect(page.locator("main")).to_contain_text("while you are away")

    # A page that is opened anew knows what the site knows.
    await page.goto(f"{origin}/settings#notifications")
    await expect(page.locator("#browser-says")).to_contain_text("is pushed to")
    await page.get_by_role("button", name="No more pushes here").click()
    await expect(page.get_by_role("button", name="Push to this browser")).to_be_visible()
    await service.stop()


async def _nobody_listens(person: Person) -> bool:
    figures = (await person.get("/metrics")).text
    (streams,) = re.findall(r"^notifier_streams(?:{.*})? (\S+)$", figures, re.MULTILINE)
    return float(streams) == 0
