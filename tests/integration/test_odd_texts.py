"""Texts made to break out of a stream or a page: one inert event at both doors, or 422."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.conftest import Guests
from tests.doors import Doors

RIGHT_TO_LEFT = "\u202eabc\u202c \u2066def"
INERT = {
    "line ends": "one\r\ntwo\rthree\nfour",
    "an empty line and a field": "x\n\nevent: reset\ndata: {}\n\nid: 99\n\nretry: 1",
    "line ends of other kinds": "a\u0085b\u2028c\u2029d",
    "markup": "</script><script>alert(1)</script><!--<svg onload=alert(1)>",
    "a template": "{{ 7 * 7 }}{% raw %}${7*7}%s%(x)s",
    "direction": RIGHT_TO_LEFT,
    "what JSON escapes": '"\\\u0022\\u0000',
    "a byte order mark": "a\ufeffb",
    "beyond the first plane": "\U0001f468\u200d\U0001f469 \U00020000",
}
REFUSED = {
    "NUL": b"a\0b",
    "a lone surrogate": b"a\xed\xa0\x80b",
    "half a letter": b"a\xc3",
    "an overlong slash": b"a\xc0\xafb",
    "a pile of marks": b"a" + "\u0301".encode() * 5_000,
    "escape codes": b"\x1b]0;title\x07",
}


@pytest.mark.parametrize("text", INERT.values(), ids=INERT.keys())
async def test_an_odd_text_is_one_inert_event(doors: Doors, guests: Guests, text: str) -> None:
    harry, gitau = await guests("harry", "gitau")
    async with (
        doors.web.visitor(gitau).stream() as web,
        doors.gateway.visitor(gitau).stream() as gateway,
    ):
        answer = await harry.send(gitau, text)
        if answer.status == 422:
            assert await gitau.unread() == 0
            return
        assert answer.status == 303
        for stream in (web, gateway):
            await stream.count(1)
            assert [event.name for event in stream.events] == ["message", "unread_message_count"]
            assert stream.sequences == [1, 2]
        assert web.texts == gateway.texts
        (arrived,) = web.texts
    assert arrived.split() == text.split()
    page = (await gitau.get("/messages")).text
    (shown,) = re.findall(r'<p class="entry-body"><bdi>(.*?)</bdi></p>', page, re.DOTALL)
    assert unescape(shown) == arrived
    assert not re.search(r"<(?!/?bdi)", shown), "isolated, and no markup of its own"


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_text_is_refused(doors: Doors, guests: Guests, text: bytes) -> None:
    harry, gitau = await guests("harry", "gitau")
    path = f"/send_message/{gitau.username}"
    answer = await harry.request("POST", path, fields={"message": text})
    assert answer.status in (400, 422)
    assert await gitau.unread() == 0
