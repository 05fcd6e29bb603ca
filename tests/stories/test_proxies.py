"""Two machines' worth of processes behind nginx and behind Caddy, with TLS and HTTP/2, as
docs/operating.md says: the badge moves in a real browser, and doctor has nothing to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.test_badge import badge, not_reloaded, open_window
from tests.browser.test_connection import expect_state
from tests.certificates import make_certificate
from tests.commands import notifier
from tests.doors import GatewayServer
from tests.patience import until
from tests.person import PASSWORD
from tests.processes import START_CEILING_SECONDS, RedisServer, Server, running
from tests.stories.proxies import KINDS, Proxy

# A browser comes back to another gateway after up to 4.5 s, on a busy machine some later.
RETURN_CEILING_MS = 40_000


class Installation:
    """A proxy, two web servers, two gateways."""

    def __init__(self, proxy: Proxy, web: list[Server], gateways: list[GatewayServer]) -> None:
        self.proxy = proxy
        self.web = web
        self.gateways = gateways


@pytest.fixture(scope="module", params=KINDS)
async def installation(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    redis: RedisServer,
) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp
    certificate = make_certificate(folder("certificate"))
    proxy = KINDS[request.param](folder("proxy"), certificate, [], [])
    settings = {
        "REDIS_URL": redis.url,
        "NOTIFIER_CHANNEL_PREFIX": proxy.name,
        "NOTIFIER_PUBLIC_URL": proxy.url,
        "NOTIFIER_TRUSTED_PROXIES": 1,
        "NOTIFIER_RATE_LIMITS": "on",
        "NOTIFIER_STREAMS_PER_PROCESS": 1_000,
        "NOTIFIER_METRICS_TOKEN": "only for the tests",
    }
    async with AsyncExitStack() as stack:
        first = Server(folder("web"), **settings)
        await stack.enter_async_context(running(first))
        database = first.environment["DATABASE_URL"]
        second = Server(folder("web"), **settings, DATABASE_URL=database)
        await stack.enter_async_context(running(second))
        gateways = [GatewayServer(folder("gateway"), web) for web in (first, second)]
        for gateway in gateways:
            stack.push_async_callback(gateway.stop)
            await gateway.start()
        proxy.web += [first.port, second.port]
        proxy.gateway += [gateway.port for gateway in gateways]
        stack.push_async_callback(proxy.stop)
        await proxy.start()

        async def answers() -> bool:
            proxy.alive()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers, f"{proxy.name} answers", START_CEILING_SECONDS)
        yield Installation(proxy, [first, second], gateways)


@pytest.fixture
async def browsers(
    installation: Installation, chromium: Browser
) -> AsyncIterator[list[BrowserContext]]:
    """Two people's browsers, each signed in through the pages."""
    opened = []
    async with AsyncExitStack() as stack:
        for name in ("harry", "gitau"):
            url = installation.proxy.url
            context = await chromium.new_context(base_url=url, ignore_https_errors=True)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            await _sign_in(page, name)
            await page.close()
            opened.append(context)
        yield opened


async def _sign_in(page: Page, name: str) -> None:
    await page.goto("/register")
    await page.fill("[name=username]", name)
    await page.fill("[name=email]", f"{name}@example.org")
    await page.fill("[name=password]", PASSWORD)
    await page.fill("[name=confirm_password]", PASSWORD)
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_load_state()
    # Who was here in the test before is registered already.
    await page.goto("/login")
    await page.fill("[name=username]", name)
    await page.fill("[name=password]", PASSWORD)
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_url("**/")


async def _send(browser: BrowserContext, text: str) -> None:
    page = await browser.new_page()
    await page.goto("/send_message/gitau")
    await page.fill("[name=message]", text)
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_url("**/user/gitau")
    await page.close()


async def test_the_badge_moves_through_tls_and_http2_also_when_a_gateway_dies(
    installation: Installation, browsers: list[BrowserContext]
) -> None:
    his, hers = browsers
    window = await open_window(hers)
    await expect_state(window, "live")
    spoken = await window.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert spoken == "h2"
    await _send(his, "hello there")
    await expect(badge(window)).to_have_text("1")
    await expect(window.locator("#toasts")).to_contain_text("hello there")
    assert await not_reloaded(window)
    # The window's stream is at one of the two: whichever goes, the other has what comes.
    await installation.gateways[0].kill()
    await _send(his, "still there")
    await expect(badge(window)).to_have_text("2", timeout=RETURN_CEILING_MS)
    await installation.gateways[0].start()
    await installation.gateways[1].kill()
    await _send(his, "and again")
    await expect(badge(window)).to_have_text("3", timeout=RETURN_CEILING_MS)
    await installation.gateways[1].start()
    assert await not_reloaded(window)


async def test_doctor_finds_nothing_wrong_behind_it(installation: Installation) -> None:
    server = Server(installation.web[0].folder)
    authority = str(installation.proxy.certificate.authority)
    server.environment = installation.web[0].environment | {"SSL_CERT_FILE": authority}

    async def satisfied() -> bool:
        ran = await notifier(server, "doctor")
        assert "HTTP/2: offered" in ran.output and "TLS: trusted" in ran.output, ran.output
        return ran.code == 0

    # A gateway that was away a moment ago is not asked by the proxy for some seconds.
    await until(satisfied, "nothing is wrong", 60)


async def test_figures_are_not_for_the_world(installation: Installation, chromium: Browser) -> None:
    context = await chromium.new_context(ignore_https_errors=True)
    answer = await context.request.get(f"{installation.proxy.url}/metrics")
    assert answer.status == 404
    await context.close()
