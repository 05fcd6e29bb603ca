"""Draws the README's pictures: two windows as a message arrives, and a conversation on a phone."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

NOTIFIER = Path(sys.executable).with_name("notifier")
# One window, in CSS pixels; the picture is drawn twice as fine.
WIDTH, HEIGHT = 620, 560
PHONE = (390, 720)
START_CEILING_SECONDS = 60
# The frame around the two pictures, as a page of its own.
FRAME = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 28px; display: flex; gap: 28px; background: #d9d4ca; width: max-content;
       font: 600 13px system-ui, sans-serif; color: #4a463f }}
figure {{ margin: 0; border-radius: 10px; overflow: hidden; box-shadow: 0 10px 30px #0004 }}
figcaption {{ padding: 9px 14px; background: #f3f0ea }}
img {{ display: block }}
</style>{figures}"""


def main(folder: Path) -> None:
    """Write the pictures into `folder`."""
    with demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-background-networking", "--disable-sync"],
        )
        gitau = signed_in(browser, address, "gitau", "light")
        harry = signed_in(browser, address, "harry", "dark")
        harry.goto(f"{address}/conversations/gitau")
        expect(gitau.locator("#connection")).to_have_attribute("data-state", "live")
        say(harry, "The kettle is on. Are you coming over? 🫖")
        expect(gitau.get_by_text("The kettle is on.").first).to_be_visible()
        windows = [("harry writes …", harry), ("… and gitau's badge moves", gitau)]
        draw(browser, windows, folder / "two-windows.png")
        converse(harry, gitau, address)
        phone = signed_in(browser, address, "gitau", "dark", PHONE)
        phone.goto(f"{address}/conversations/harry")
        expect(phone.get_by_text("See you in ten")).to_be_visible()
        phones = [("on a phone, in the dark", phone), ("and everything in one list", phone)]
        draw(browser, phones, folder / "phone.png", f"{address}/conversations")
        browser.close()


def say(page: Page, words: str) -> None:
    page.locator("#message").fill(words)
    page.keyboard.press("Enter")
    expect(page.locator("#messages").get_by_text(words)).to_be_visible()


def converse(harry: Page, gitau: Page, address: str) -> None:
    """Some words from both sides."""
    gitau.goto(f"{address}/conversations/harry")
    say(gitau, "Yes! Shall I bring anything?")
    say(harry, "Only yourself. And the bread, if there is any left 🍞")
    say(gitau, "There is. See you in ten minutes.")


@contextmanager
def demo() -> Iterator[str]:
    """A server with demo people on a free port; its address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NOTIFIER_")}
        env = kept | {
            "SECRET_KEY": "only for a picture",
            "DATABASE_URL": f"sqlite:///{folder}/picture.db",
            "REDIS_URL": "",
        }
        for command in ("migrate", "seed"):
            subprocess.run([NOTIFIER, command], env=env, check=True, stdout=subprocess.DEVNULL)
        address = f"http://127.0.0.1:{port}"
        command_line = [NOTIFIER, "serve", "--bind", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command_line, env=env, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"{address}/readyz")
            yield address
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def wait_for(address: str) -> None:
    """Return once `address` answers 200."""
    deadline = time.monotonic() + START_CEILING_SECONDS
    while True:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def signed_in(
    browser: Browser, address: str, name: str, scheme: str, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Page:
    """A window of its own in which `name` sees the common page."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=2,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"{address}/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("12345678")
    page.locator("main form button[type=submit]").click()
    page.wait_for_url(f"{address}/")
    return page


def draw(
    browser: Browser, windows: list[tuple[str, Page]], target: Path, then: str | None = None
) -> None:
    """Put the windows beside each other, each with its caption; all but the first show `then`."""
    figures = ""
    for number, (caption, page) in enumerate(windows):
        if number and then:
            page.goto(then)
        size = page.viewport_size or {"width": WIDTH, "height": HEIGHT}
        picture = base64.b64encode(page.screenshot()).decode()
        figures += (
            f"<figure><figcaption>{caption}</figcaption>"
            f'<img width="{size["width"]}" height="{size["height"]}" '
            f'src="data:image/png;base64,{picture}"></figure>'
        )
    frame = browser.new_page(device_scale_factor=1.25, viewport={"width": 1400, "height": 700})
    frame.set_content(FRAME.format(figures=figures))
    frame.locator("body").screenshot(path=target)
    print(f"drew {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
