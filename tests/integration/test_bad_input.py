"""Bad input: the right 4xx, a clear sentence, nothing half-written, never a 500."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.conftest import People
from tests.exchange import request
from tests.person import PASSWORD, Person
from tests.processes import Server

TOO_LARGE_BYTES = 10_000_000
BAD_TEXTS = {
    "empty": b"",
    "blank": b" \t ",
    "blank to the eye": "\u200b\u2800\u00a0".encode(),
    "too long": b"x" * 141,
    "NUL": b"hello\0there",
    "control character": b"hello\x1b[31mthere",
}


def assert_refused(status: int, text: str, *expected: int) -> None:
    assert status in expected, f"{status}: {text[:300]}"
    assert "Traceback" not in text and "sqlalchemy" not in text.lower()


@pytest.mark.parametrize("bad", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
async def test_a_bad_message_is_refused_and_not_stored(people: People, bad: bytes) -> None:
    harry, gitau = await people("harry", "gitau")
    path = f"/send_message/{gitau.username}"
    answer = await harry.request("POST", path, fields={"message": bad})
    assert_refused(answer.status, answer.text, 422)
    assert await gitau.notifications() == []


@pytest.mark.parametrize("bad", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
async def test_a_bad_post_is_refused_and_not_stored(people: People, bad: bytes) -> None:
    (harry,) = await people("harry")
    answer = await harry.request("POST", "/", fields={"body": bad})
    assert_refused(answer.status, answer.text, 422)
    profile = (await harry.get(f"/user/{harry.username}")).text
    assert "x" * 141 not in profile and "there" not in profile


async def test_invalid_utf8_is_refused(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    path = f"/send_message/{gitau.username}"
    for answer in (
        await harry.request("POST", path, fields={"message": b"\xff\xfe"}),
        await harry.get("/user/%ff%fe"),
        await harry.get("/messages?page=%ff"),
    ):
        assert_refused(answer.status, answer.text, 400, 404)
    assert await gitau.notifications() == []


async def test_a_140_character_message_of_emoji_is_one_message(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    family = "👨‍👩‍👧‍👦"
    assert (await harry.send(gitau, family * 140)).status in (302, 303)
    assert (await harry.send(gitau, family * 141)).status == 422
    assert await gitau.unread() == 1


async def test_a_body_of_ten_megabytes_is_too_large(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    body = b"message=" + b"x" * TOO_LARGE_BYTES
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        path = f"/send_message/{gitau.username}"
        answer = await harry.request("POST", path, body=body, headers=headers)
    except ConnectionError:
        # Refused before it was all sent: the answer was there, but the system dropped it.
        pass
    else:
        assert_refused(answer.status, answer.text, 413)
    assert await gitau.notifications() == []
    assert (await harry.get("/")).status == 200


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data", "nonsense", ""]
)
async def test_a_wrong_content_type_is_refused(people: People, content_type: str) -> None:
    harry, gitau = await people("harry", "gitau")
    answer = await harry.request(
        "POST",
        f"/send_message/{gitau.username}",
        body=b'{"message": "hello"}',
        headers={"Content-Type": content_type},
    )
    assert_refused(answer.status, answer.text, 400, 415, 422)
    assert await gitau.notifications() == []


async def test_an_unknown_field_changes_nothing(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    answer = await harry.request(
        "POST",
        f"/send_message/{gitau.username}",
        fields={"message": "hello", "sender_id": "1", "recipient_id": "1", "read_at": "1"},
    )
    assert answer.status in (302, 303)
    assert (await gitau.notifications())[0]["data"]["from"] == harry.username


NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e999",
    "1" + "0" * 30,
    "9" * 400,
    "text",
    "%0d%0a",
    "",
]


@pytest.mark.parametrize(
    "path", ["/?page=", "/messages?page=", "/notifications?since=", "/notifications?after="]
)
async def test_a_number_that_is_none_is_a_clear_4xx_or_harmless(people: People, path: str) -> None:
    (harry,) = await people("harry")
    for number in NUMBERS:
        answer = await harry.get(path + number)
        assert_refused(answer.status, answer.text, 200, 302, 303, 400, 404, 422)


async def test_a_cursor_that_is_no_number_begins_with_the_present_state(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "before")
    for number, cursor in enumerate(["nan", "inf", "text", "-", "0x1", "1 2"], 2):
        async with gitau.stream(last_event_id=cursor) as stream:
            assert stream.status == 200, cursor
            # The state has been told, so from here on the stream is live.
            await stream.named("unread_message_count")
            await harry.send(gitau, cursor)
            await stream.count(number)
            assert stream.texts == [cursor]


async def test_a_cursor_of_another_log_resets_the_page(people: People) -> None:
    (gitau,) = await people("gitau")
    for cursor in ("-1", "10000", str(2**63), "1" + "0" * 30, "9" * 9_000):
        async with gitau.stream(last_event_id=cursor) as stream:
            assert stream.status == 200, cursor
            await stream.named("reset")


FORGED = ["", "x", "a.b.c", "." * 300, "%00", "x" * 5_000, '"', "null", "1"]


async def test_a_forged_or_truncated_cookie_is_nobody(people: People) -> None:
    (harry,) = await people("harry")
    assert harry.cookies, "the precondition: the sign-in is a cookie"
    assert (await harry.get("/messages")).status == 200, "the precondition: and it holds"
    forger = Person(harry.port)
    for name, real in harry.cookies.items():
        for value in (*FORGED, real[:-1], real[1:], real[:-5] + "AAAAA"):
            forger.cookies = {name: value}
            answer = await forger.get("/messages", Accept="text/html")
            assert answer.status in (302, 303, 400, 401), value
            forger.cookies = {name: value}
            assert (await forger.get("/stream")).status in (400, 401), value


ORIGINS: list[dict[str, str | None]] = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": None, "Origin": "null"},
]


@pytest.mark.parametrize("headers", ORIGINS)
async def test_another_origins_post_is_refused(
    people: People, headers: dict[str, str | None]
) -> None:
    harry, gitau = await people("harry", "gitau")
    for path, fields in (
        (f"/send_message/{gitau.username}", {"message": "hello"}),
        ("/", {"body": "hello"}),
        ("/edit-profile", {"username": "stolen", "about_me": ""}),
        ("/logout", {}),
    ):
        answer = await harry.request("POST", path, fields=fields, headers=headers)
        assert_refused(answer.status, answer.text, 403)
    assert await gitau.notifications() == []
    assert (await harry.get("/messages")).status == 200, "still signed in"


TARGETS = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "%2f%2fevil.example",
    "/\t/evil.example",
    "\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
]


async def test_next_leads_nowhere_but_here(server: Server, people: People) -> None:
    (harry,) = await people("harry")
    for target in TARGETS:
        again = Person(server.port, harry.username)
        path = f"/login?next={quote(target, safe='%')}"
        answer = await again.submit(path, username=harry.username, password=PASSWORD)
        assert answer.status in (302, 303)
        location = answer.location.removeprefix(server.url)
        assert location == "/" or re.fullmatch(r"/[^/\\].*", location), (target, location)


async def test_next_leads_back_to_a_page_of_ours(server: Server, people: People) -> None:
    (harry,) = await people("harry")
    again = Person(server.port, harry.username)
    answer = await again.submit("/login?next=/messages", username=harry.username, password=PASSWORD)
    assert answer.location.endswith("/messages")


NAMES = ["a/b", "", " ", "..", "x" * 33, "naïve", "a b", "\u202eyrrah", "-x", "a\0b"]


async def test_a_username_that_does_not_fit_in_a_path_is_refused(server: Server) -> None:
    for number, username in enumerate(NAMES):
        answer = await Person(server.port).submit(
            "/register",
            username=username,
            email=f"fits{number}@example.org",
            password=PASSWORD,
            confirm_password=PASSWORD,
        )
        assert_refused(answer.status, answer.text, 422)


@pytest.mark.parametrize("length", [0, 7, 129, 100_000])
async def test_a_password_of_a_wrong_length_is_refused(server: Server, length: int) -> None:
    stranger = Person(server.port, f"length{length}", "p" * length)
    answer = await stranger.register()
    assert_refused(answer.status, answer.text, 413, 422)
    assert (await stranger.sign_in()).status not in (302, 303)


async def test_a_wrong_name_and_a_wrong_password_look_the_same(
    server: Server, people: People
) -> None:
    (harry,) = await people("harry")
    wrong = await Person(server.port, harry.username, "not the password").sign_in()
    unknown = await Person(server.port, "nobody-here", "not the password").sign_in()
    assert wrong.status == unknown.status
    assert wrong.text.replace(harry.username, "nobody-here") == unknown.text


async def test_every_answer_carries_the_security_headers(server: Server, people: People) -> None:
    (harry,) = await people("harry")
    stranger = Person(server.port)
    for who, path in (
        (stranger, "/login"),
        (stranger, "/no-such-page"),
        (stranger, "/static/no-such-file"),
        (harry, "/"),
        (harry, "/user/nobody-here"),
        (harry, "/notifications"),
    ):
        answer = await who.get(path)
        policy = answer.header("content-security-policy")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, path
        assert "unsafe-inline" not in policy, path
        assert answer.header("x-content-type-options") == "nosniff", path
        assert answer.header("referrer-policy"), path
        assert "server" not in dict(answer.headers), path


async def test_pages_hold_nothing_inline_that_the_policy_would_block(people: People) -> None:
    (harry,) = await people("harry")
    for path in ("/", "/messages", "/edit-profile", f"/user/{harry.username}"):
        page = (await harry.get(path)).text
        assert " style=" not in page and "<style" not in page and " onclick=" not in page, path
        assert "<script>" not in page, path


async def test_head_on_the_stream_ends(people: People) -> None:
    (harry,) = await people("harry")
    answer = await harry.request("HEAD", "/stream")
    assert answer.status < 500


async def test_what_is_no_http_is_400_and_the_server_lives(server: Server) -> None:
    answer = await request(server.port, "GET", "/" + "x" * 20_000)
    assert_refused(answer.status, answer.text, 302, 400, 404, 414, 431)
    assert (await request(server.port, "GET", "/healthz")).status == 200
