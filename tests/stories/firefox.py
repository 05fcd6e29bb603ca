"""A Firefox without a screen, driven through Marionette, its own door for that.

The protocol is a line of JSON with its length in front. Mozilla's own driver for it wants modules
that Python no longer has from 3.13 on, and what is needed of it is this.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.patience import until
from tests.processes import free_port

# It takes its time to start on a machine with other things to do.
START_SECONDS = 90.0
ANSWER_SECONDS = 60.0
# Nothing of its own may go out, and nothing may open beside our page.
PREFERENCES = {
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Firefox:
    """One window."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)

    async def begin(self) -> None:
        # It says first who it is.
        await self._hear()
        await self._ask("WebDriver:NewSession", {})

    async def goto(self, url: str) -> None:
        await self._ask("WebDriver:Navigate", {"url": url})

    async def run(self, script: str) -> Any:
        """What the script returns, run in the page."""
        told = await self._ask("WebDriver:ExecuteScript", {"script": script, "args": []})
        return told["value"]

    async def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        message = json.dumps([0, next(self._numbers), command, parameters]).encode()
        self._writer.write(b"%d:%s" % (len(message), message))
        async with asyncio.timeout(ANSWER_SECONDS):
            _kind, _number, error, result = await self._hear()
        assert error is None, error
        return result

    async def _hear(self) -> Any:
        length = (await self._reader.readuntil(b":")).rstrip(b":")
        return json.loads(await self._reader.readexactly(int(length)))


@asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[Firefox]:
    """With a profile of its own in `folder`."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    assert found, "Firefox is missing: scripts/stories installs it"
    port = free_port()
    wanted = {**PREFERENCES, "marionette.port": port}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(to)});" for name, to in wanted.items()]
    (folder / "user.js").write_text("\n".join(lines))
    with (folder / "firefox.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(found, "--headless", "--marionette", "--no-remote", "--profile", str(folder)),
            stdout=log,
            stderr=log,
        )
    try:
        connected = await until(lambda: _connected(port), "Firefox", START_SECONDS)
        assert connected is not None
        reader, writer = connected
        window = Firefox(reader, writer)
        await window.begin()
        yield window
        writer.close()
    finally:
        process.kill()
        await process.wait()


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
