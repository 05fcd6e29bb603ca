"""One's own sign-ins: seen in words, ended one by one or all others, and nobody else's."""

from __future__ import annotations

import re

import pytest

from notifier.devices import browser_of, system_of
from tests.conftest import People
from tests.exchange import Answer
from tests.person import PASSWORD, Person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "browser", "system"),
    [
        (FIREFOX, "Firefox", "Linux"),
        (EDGE, "Edge", "Windows"),
        (IPHONE, "Safari", "iPhone"),
        (ANDROID, "Chrome", "Android"),
        ("curl/8.5.0", "", ""),
        ("", "", ""),
        ("<script>Firefox/1", "Firefox", ""),
    ],
)
def test_what_a_browser_says_in_words(agent: str, browser: str, system: str) -> None:
    assert (browser_of(agent), system_of(agent)) == (browser, system)


async def sign_in_elsewhere(person: Person, agent: str, **fields: str) -> Person:
    other = Person(person.port, person.username, person.password)
    answer = await other.request(
        "POST",
        "/login",
        fields={"username": person.username, "password": person.password, **fields},
        headers={"User-Agent": agent},
    )
    assert answer.status == 303
    return other


def devices(page: Answer) -> dict[str, int]:
    """The devices of the settings page: their words and their numbers."""
    found = re.findall(r'data-device="(\d+)".*?<strong>(.*?)</strong>', page.text, re.DOTALL)
    return {words: int(number) for number, words in found}


async def test_one_is_ended_and_its_stream_with_it(people: People) -> None:
    (harry,) = await people("harry")
    phone = await sign_in_elsewhere(harry, IPHONE)
    laptop = await sign_in_elsewhere(harry, FIREFOX)
    shown = devices(await harry.get("/settings"))
    assert {"Safari on iPhone", "Firefox on Linux"} <= set(shown)
    async with phone.stream() as ended, laptop.stream() as kept:
        path = f"/settings/devices/{shown['Safari on iPhone']}/end"
        assert (await harry.request("POST", path, fields={})).status == 303
        await ended.named("signed_out")
        await ended.end()
        assert not kept.ended
    assert (await phone.get("/notifications")).status == 401
    assert (await laptop.get("/notifications")).status == 200
    assert (await harry.request("POST", path, fields={})).status == 404, "once"


async def test_all_others_are_ended(people: People) -> None:
    (harry,) = await people("harry")
    phone = await sign_in_elsewhere(harry, IPHONE)
    async with phone.stream() as ended, harry.stream() as mine:
        await harry.request("POST", "/settings/devices/end-others", fields={})
        await ended.named("signed_out")
        await ended.end()
        assert not mine.ended
    assert (await phone.get("/notifications")).status == 401
    assert (await harry.get("/notifications")).status == 200


async def test_ending_this_one_is_signing_out(people: People) -> None:
    (harry,) = await people("harry")
    (number,) = devices(await harry.get("/settings")).values()
    answer = await harry.request("POST", f"/settings/devices/{number}/end", fields={})
    assert answer.location == "/login" and "notifier" not in harry.cookies


async def test_somebody_elses_is_not_there(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    (number,) = devices(await harry.get("/settings")).values()
    answer = await gitau.request("POST", f"/settings/devices/{number}/end", fields={})
    assert answer.status == 404
    assert (await harry.get("/notifications")).status == 200


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_changed_password_remembers_whoever_was_remembered(
    people: People, remembered: bool
) -> None:
    (harry,) = await people("harry")
    fields = {"remember_me": "y"} if remembered else {}
    browser = await sign_in_elsewhere(harry, FIREFOX, **fields)
    changed = await browser.submit(
        "/change-password",
        old_password=PASSWORD,
        password="another horse 10",
        confirm_password="another horse 10",
    )
    assert changed.status == 303, changed.text
    (cookie,) = [v for k, v in changed.headers if k == "set-cookie" and v.startswith("notifier=")]
    assert ("max-age" in cookie.lower()) is remembered
