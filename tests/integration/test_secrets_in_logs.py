"""After everything that people do and try, the log holds none of their words and secrets."""

from __future__ import annotations

from tests.conftest import Guests
from tests.doors import Doors
from tests.integration.conftest import joined
from tests.person import Person
from tests.wire import say

SECRET = "Xyzzy-nobody-may-read-this"
FORGED = '{"event": "forged line", "level": "critical"}'


async def test_the_log_holds_no_texts_cookies_passwords_and_forged_lines(
    doors: Doors, guests: Guests
) -> None:
    harry, gitau = await guests("harry", "gitau")
    secret = Person(doors.web.port, f"{harry.username}-2", password=f"password {SECRET}")
    await secret.submit(
        "/register",
        username=secret.username,
        email=f"{SECRET}@example.org",
        password=secret.password,
        confirm_password=secret.password,
    )
    assert (await secret.sign_in()).status == 303
    cookies = [*secret.cookies.values(), *harry.cookies.values()]
    async with (
        doors.web.visitor(gitau).stream() as web,
        doors.gateway.visitor(gitau).stream() as gateway,
    ):
        await secret.send(gitau, f"text {SECRET}")
        for stream in (web, gateway):
            await stream.count(1)
    await misuse(doors, secret, gitau)
    await secret.sign_out()
    for door in (doors.web, doors.gateway):
        log = door.program.output()
        assert SECRET.lower() not in log.lower(), door.name
        assert "forged line" not in log, door.name
        for cookie in cookies:
            assert cookie not in log and cookie[:40] not in log, door.name


async def misuse(doors: Doors, secret: Person, gitau: Person) -> None:
    """All that is refused, with secrets in every place where they might be."""
    for fields in (
        {"username": SECRET, "password": SECRET},
        {"username": secret.username, "password": f"wrong {SECRET}"},
    ):
        await secret.request("POST", "/login", fields=fields)
    await secret.send(gitau, SECRET * 20)
    await secret.send(gitau, f"{SECRET}\0")
    await secret.get(f"/user/{SECRET}%0a{FORGED.replace(' ', '%20')}?q={SECRET}")
    await secret.get(f"/notifications?since={SECRET}")
    forged = {"User-Agent": FORGED, "Referer": SECRET, "Cookie": f"notifier={SECRET}"}
    for door in (doors.web, doors.gateway):
        for path in ("/stream", "/metrics", f"/{SECRET}"):
            await door.visitor(secret).request("GET", path, headers=forged)
        await say(door.port, f"{FORGED}\n{SECRET} / HTTP/1.1\r\n\r\n".encode())
        await say(door.port, f"GET /\n{FORGED} HTTP/1.1\r\nCookie: {SECRET}\r\n\r\n".encode())


async def test_an_error_that_nobody_expected_quotes_nothing_that_was_sent(
    hasty: Doors, lodger: Person
) -> None:
    gitau = await joined(hasty, "gitau")
    await hasty.server.sql("ALTER TABLE message RENAME TO message_away")
    try:
        answer = await lodger.send(gitau, f"lost {SECRET}")
    finally:
        await hasty.server.sql("ALTER TABLE message_away RENAME TO message")
    assert answer.status == 500 and SECRET not in answer.text and "message_away" not in answer.text
    log = hasty.server.output()
    assert "no such table" in log or "does not exist" in log, "the precondition: it was logged"
    assert SECRET not in log and lodger.cookies["notifier"] not in log
    assert (await lodger.send(gitau, f"again {SECRET}")).status == 303
