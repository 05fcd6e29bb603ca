"""Somebody whose browser wants Korean: everything in Korean, until they choose otherwise."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_badge import badge, not_reloaded
from tests.conftest import People
from tests.person import PASSWORD, Person

KOREAN: dict[str, Any] = {"locale": "ko-KR", "viewport": {"width": 320, "height": 720}}
EXACT_TIME = re.compile(r"\d{4}년 \d{1,2}월 \d{1,2}일")
# Hebrew, then an override that would turn round whatever follows it if it were let out.
RIGHT_TO_LEFT = "שלום, Notifier! \u202eabc"


async def register(page: Page, name: str) -> None:
    await page.goto("/register")
    await page.get_by_label("사용자 이름").fill(name)
    await page.get_by_label("이메일").fill(f"{name}@example.org")
    await page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    again = page.get_by_label("비밀번호 다시 입력")
    await again.fill("something else 1")
    await page.get_by_role("main").get_by_role("button", name="가입").click()
    await expect(page.get_by_text("두 비밀번호가 서로 다릅니다.")).to_be_visible()
    await page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    await again.fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="가입").click()
    await expect(page.get_by_text("가입되었습니다. 환영합니다! 이제 로그인하세요.")).to_be_visible()


async def sign_in(page: Page, name: str) -> None:
    await page.goto("/login")
    await page.locator("[name=username]").fill(name)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_url("**/")


async def newcomer(browser: BrowserContext, name: str) -> Page:
    page = await browser.new_page()
    await register(page, name)
    await sign_in(page, name)
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"안녕하세요, {name} 님")
    return page


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_a_korean_day(people: People, browser_of: OpenBrowser) -> None:
    (harry,) = await people("harry")
    name = harry.username.replace("harry", "minji")
    browser = await browser_of(Person(harry.port), **KOREAN)
    page = await newcomer(browser, name)

    await page.goto(f"/user/{harry.username}")
    await page.get_by_role("link", name="메시지 보내기").click()
    await page.get_by_label("메시지", exact=True).fill("안녕하세요! 반갑습니다.")
    await page.get_by_role("button", name="보내기").click()
    await expect(page.get_by_text("메시지를 보냈습니다.")).to_be_visible()

    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    await page.evaluate("window.notReloaded = true")
    await harry.send(Person(harry.port, name), RIGHT_TO_LEFT)
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("#toasts")).to_contain_text(f"{harry.username} 님의 메시지")
    await expect(page.locator("#announcer")).to_have_text(f"{harry.username} 님의 메시지.")
    assert await not_reloaded(page) and await fits(page)

    await page.goto(f"/conversations/{harry.username}")
    words = page.locator(".theirs .words bdi")
    await expect(words).to_have_text(RIGHT_TO_LEFT)
    # What runs from right to left stays within its own words.
    await expect(words).to_have_css("unicode-bidi", "isolate")
    when = page.locator(".theirs time")
    await expect(when).to_have_text("방금")
    await expect(when).to_have_attribute("title", EXACT_TIME)
    assert await fits(page)

    await page.goto("/settings")
    await choose_english(page)
    await page.locator(".menu summary").click()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await sign_in(page, name)
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {name}")


async def choose_english(page: Page) -> None:
    """At the foot of the page, which stays the same."""
    where = page.url
    await expect(page.locator("html")).to_have_attribute("lang", "ko")
    await page.locator("footer").get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url == where


@pytest.mark.parametrize("path", ["/login?next=/settings", "/register"])
async def test_the_language_changes_without_scripts(
    people: People, browser_of: OpenBrowser, path: str
) -> None:
    (harry,) = await people("harry")
    browser = await browser_of(Person(harry.port), javascript=False, **KOREAN)
    page = await browser.new_page()
    await page.goto(path)
    await choose_english(page)
