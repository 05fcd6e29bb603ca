"""Who may listen and look, asked of running servers: several processes, old keys, Redis away
(A7, A8, A10, A12, A19)."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from quart_auth import QuartAuth
from quart_auth.extension import DEFAULTS

from notifier.cookies import COOKIE
from notifier.sign_ins import REMEMBERED_SECONDS
from tests.crowd import crowd
from tests.exchange import request
from tests.patience import until
from tests.person import PASSWORD, Person
from tests.sender import Sender
from tests.site import METRICS_TOKEN, Site, site
from tests.window import windows
from tests.wire import wire

CEILING_SECONDS = 60.0
KEY, OLD_KEY, STRANGE_KEY = (f"the {name} key and long enough" for name in ("new", "old", "lost"))
# web/limits.py has the reason for the number; each process counts for itself while Redis is away.
GUESSES_MOST = 10
NEW_PASSWORD = "another horse 10"


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Two web processes and a gateway, with limits, in production."""
    settings: dict[str, Any] = {
        "SECRET_KEY": KEY,
        "SECRET_KEY_FALLBACKS": OLD_KEY,
        "NOTIFIER_RATE_LIMITS": "on",
        "NOTIFIER_ENV": "production",
    }
    async with site(tmp_path_factory.mktemp("access"), **settings) as found:
        await until(found.ready, "all is well", CEILING_SECONDS)
        yield found


def signed(auth_id: str, key: str, age_seconds: float = 0) -> str:
    """A cookie as quart-auth made it so long ago."""
    sealer = QuartAuth.serializer_class([key], str(DEFAULTS["QUART_AUTH_SALT"]))
    with time_machine.travel(time.time() - age_seconds, tick=False):
        return f"{COOKIE}={sealer.dumps(auth_id)}"


def auth_id_of(cookie: str) -> str:
    sealer = QuartAuth.serializer_class([KEY], str(DEFAULTS["QUART_AUTH_SALT"]))
    return str(sealer.loads(cookie.partition("=")[2]))


async def status(port: int, cookie: str) -> int:
    headers = [("Cookie", cookie), ("Accept", "text/event-stream")]
    return (await request(port, "HEAD", "/stream", headers)).status


async def test_a_cookie_of_an_old_key_holds_while_the_key_is_listed_and_no_other(
    here: Site,
) -> None:
    (gitau,) = await crowd(here.server, 1, name="keys")
    auth_id = auth_id_of(gitau.cookie)
    for port in here.ports:
        assert await status(port, gitau.cookie) == 200
        assert await status(port, signed(auth_id, OLD_KEY)) == 200
        for key in (STRANGE_KEY, "", KEY.upper()):
            assert await status(port, signed(auth_id, key)) == 401, key


async def test_an_expired_cookie_and_an_expired_sign_in_open_nothing(here: Site) -> None:
    gitau, harry = await crowd(here.server, 2, name="expired")
    auth_id = auth_id_of(gitau.cookie)
    for port in here.ports:
        assert await status(port, signed(auth_id, KEY, REMEMBERED_SECONDS - 3_600)) == 200
        assert await status(port, signed(auth_id, KEY, REMEMBERED_SECONDS + 3_600)) == 401
    async with (
        windows([gitau], here.ports, each=4, returns=False) as opened,
        windows([harry], here.ports) as others,
    ):
        await here.server.sql("UPDATE sign_in SET expires_at = 1 WHERE user_id = :id", id=gitau.id)
        # Nobody rang: reconcile finds out.
        await until(lambda: all(w.ended for w in opened), "their streams end", CEILING_SECONDS)
        assert all(window.surprises == ["signed_out"] for window in opened)
        assert not any(window.ended for window in others), "and nobody else's"
    for port in here.ports:
        assert await status(port, gitau.cookie) == 401


async def test_a_changed_password_ends_the_streams_in_every_process(here: Site) -> None:
    harry = Person(here.server.port, "harry")
    assert (await harry.register()).status == 303
    other = Person(here.server.port, "harry")
    for browser in (harry, other):
        assert (await browser.sign_in()).status == 303
    (row,) = await here.server.sql("SELECT id FROM \"user\" WHERE username = 'harry'")
    (gitau,) = await crowd(here.server, 1, name="password")
    theirs = type(gitau)(row.id, "harry", f"{COOKIE}={other.cookies[COOKIE]}")
    async with (
        windows([theirs], here.ports, each=12, returns=False) as opened,
        windows([gitau], here.ports) as others,
    ):
        answer = await harry.submit(
            "/change-password",
            old_password=PASSWORD,
            password=NEW_PASSWORD,
            confirm_password=NEW_PASSWORD,
        )
        assert answer.status == 303, answer.text
        # Twelve connections to a socket that two processes share: both have some of them.
        await until(lambda: all(w.ended for w in opened), "all others end", CEILING_SECONDS)
        assert all(window.surprises == ["signed_out"] for window in opened)
        assert not any(window.ended for window in others)
    for port in here.ports:
        assert await status(port, theirs.cookie) == 401


async def test_nobody_listens_as_another_whatever_they_add(here: Site) -> None:
    harry, gitau, wanjiru = await crowd(here.server, 3, name="listens")
    sender = Sender(harry.at(here.server.port), [gitau])
    hints = urlencode({"user": gitau.username, "recipient": gitau.id, "user_id": gitau.id})
    async with windows([gitau], here.ports) as opened:
        await sender.send(gitau)
        await here.exact(opened, sender)
    to_gitau = list(sender.tried)
    answer = await wanjiru.at(here.server.port).get(f"/notifications?after=0&{hints}")
    assert answer.json == []
    head = f"Host: 127.0.0.1\r\nCookie: {wanjiru.cookie}\r\nLast-Event-ID: 0\r\n\r\n"
    for port in here.ports:
        async with wire(port) as connection:
            await connection.send(f"GET /stream?{hints} HTTP/1.1\r\n{head}".encode())
            await connection.until(b"text/event-stream", CEILING_SECONDS)
            await sender.send(gitau)
            to_gitau.append(sender.tried[-1])
            await sender.send(wanjiru)
            await connection.until(sender.tried[-1].encode(), CEILING_SECONDS)
            assert not any(f'"{text}"'.encode() in connection.received for text in to_gitau)


async def test_figures_and_faults_are_closed_to_strangers_in_production(here: Site) -> None:
    (harry,) = await crowd(here.server, 1, name="figures")
    local = [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("Host", "localhost")]
    for port in here.ports:
        for path in ("/metrics", "/debug", "/console", "/__debug__", "/.env", "/openapi.json"):
            answer = await request(port, "GET", path, local)
            assert answer.status == 404 and "notifier_" not in answer.text, path
        token = [("Authorization", f"Bearer {METRICS_TOKEN}")]
        assert (await request(port, "GET", "/metrics", token)).status == 200
    # A fault that nobody foresaw, on every page.
    await here.server.sql("ALTER TABLE post RENAME TO post_away")
    try:
        answer = await harry.at(here.server.port).get("/")
    finally:
        await here.server.sql("ALTER TABLE post_away RENAME TO post")
    assert answer.status in (500, 503)
    for word in ("Traceback", "sqlalchemy", "SELECT", "post_away", ".py"):
        assert word not in answer.text, word


async def test_guessing_is_stopped_while_redis_is_away(here: Site) -> None:
    gitau = Person(here.server.port, "guessed")
    assert (await gitau.register()).status == 303
    here.network.cut()
    try:
        await until(here.degraded, "the precondition: Redis is away", CEILING_SECONDS)
        answers = []
        for _ in range(GUESSES_MOST * 3):
            guess = Person(here.server.port, gitau.username)
            answer = await guess.request(
                "POST", "/login", fields={"username": gitau.username, "password": "not it"}
            )
            answers.append(answer)
        heard = [answer for answer in answers if answer.status == 401]
        stopped = [answer for answer in answers if answer.status == 429]
        assert len(heard) + len(stopped) == len(answers)
        assert len(heard) <= GUESSES_MOST * len(here.workers())
        assert stopped and all(int(answer.header("retry-after")) > 0 for answer in stopped)
    finally:
        here.network.mend()
    await until(here.ready, "all is well again", CEILING_SECONDS)
    lines = [line for line in here.server.output().splitlines() if line.startswith("{")]
    assert not any("not it" in json.dumps(json.loads(line)) for line in lines)
