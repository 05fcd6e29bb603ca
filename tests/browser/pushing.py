"""Hands a push to a service worker, as a browser does with what its push service brings."""

from __future__ import annotations

import json
from typing import Any

from playwright.async_api import CDPSession, Page, Worker

from tests.patience import until

# `self.handled` is the number of pushes that the worker has done with, whatever it showed.
COUNT_HANDLED = """() => {
    self.handled = 0;
    const waitUntil = ExtendableEvent.prototype.waitUntil;
    ExtendableEvent.prototype.waitUntil = function (work) {
        waitUntil.call(this, work);
        if (this.type === "push") work.finally(() => self.handled++);
    };
}"""

# Title, body and link of each notification on the desktop.
SHOWN = """() => self.registration.getNotifications()
    .then((all) => all.map((one) => [one.title, one.body, one.data.link]))"""


class Pushing:
    """Made by `pushing_to` from a page of the worker's origin; the page may go elsewhere after."""

    def __init__(self, worker: Worker, tools: CDPSession, origin: str, registration: str) -> None:
        self._worker = worker
        self._tools = tools
        self._addressed = {"origin": origin, "registrationId": registration}
        self._delivered = 0

    async def shown_after(self, told: dict[str, Any]) -> list[list[str]]:
        """Hands over a push; what is on the desktop once the worker has done with it."""
        data = {**self._addressed, "data": json.dumps(told)}
        await self._tools.send("ServiceWorker.deliverPushMessage", data)
        self._delivered += 1
        # Chromium forgets a notification that is asked for while it is being shown.
        await until(self._done, "the worker done with the push")
        shown = await self._worker.evaluate(SHOWN)
        assert isinstance(shown, list)
        return shown

    async def _done(self) -> bool:
        return bool(await self._worker.evaluate("self.handled") == self._delivered)


async def pushing_to(worker: Worker, page: Page, origin: str) -> Pushing:
    """What hands pushes to `worker`, which is registered for all of `origin`."""
    tools = await page.context.new_cdp_session(page)
    found: list[str] = []

    def updated(event: dict[str, list[dict[str, str]]]) -> None:
        found.extend(
            one["registrationId"]
            for one in event["registrations"]
            if one["scopeURL"].startswith(origin)
        )

    tools.on("ServiceWorker.workerRegistrationUpdated", updated)
    await tools.send("ServiceWorker.enable")
    await until(lambda: found, "the registration")
    await worker.evaluate(COUNT_HANDLED)
    return Pushing(worker, tools, origin, found[-1])
