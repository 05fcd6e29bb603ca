"""Firefox keeps the stream, comes back to it after a restart, and shows the right count."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import People, Serve
from tests.patience import until
from tests.person import PASSWORD, Person
from tests.stories.firefox import Firefox, firefox

# A browser waits up to 4.5 s before it comes back, and longer after each failure.
RETURN_SECONDS = 40.0
STREAMS = """
    return performance.getEntriesByType("resource").filter((e) => e.name.includes("stream?")).length
"""
SHOWN = """
    const badge = document.querySelector("#unread-badge");
    const state = document.querySelector("#connection")?.dataset.state;
    return badge ? [state, badge.hidden ? "" : badge.dataset.count] : null;
"""


async def sign_in(window: Firefox, person: Person) -> None:
    await window.goto(f"http://127.0.0.1:{person.port}/login")
    await window.run(f"""
        document.querySelector("#username").value = {person.username!r};
        document.querySelector("#password").value = {PASSWORD!r};
        document.querySelector("main form button[type=submit]").click();
    """)


async def shows(window: Firefox, state: str, count: str) -> None:
    async def both() -> bool:
        return bool(await window.run(SHOWN) == [state, count])

    await until(both, f"{state} with {count!r} unread", RETURN_SECONDS)


async def test_firefox_is_told_and_comes_back(serve: Serve, people: People, tmp_path: Path) -> None:
    server = await serve(NOTIFIER_DRAIN_SECONDS=1)
    harry, gitau = await people("harry", "gitau", on=server)
    async with firefox(tmp_path) as window:
        await sign_in(window, gitau)
        await shows(window, "live", "")
        await window.run("window.notReloaded = true")
        await harry.send(gitau, "one")
        await shows(window, "live", "1")
        assert await window.run(STREAMS) <= 1
        await server.stop()
        await server.start()
        await harry.send(gitau, "two")
        await shows(window, "live", "2")
        assert await window.run("return window.notReloaded")
