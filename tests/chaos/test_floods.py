"""Readers that never read, ten thousand that come and go, requests without end (F14, F15, F17)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from notifier.app import BODY_SECONDS
from notifier.gateway_arrivals import HEAD_SECONDS
from notifier.hub import LINGER_SECONDS
from notifier.passwords import WAITING_MOST
from notifier.sockets import USER_TIMEOUT_MS
from notifier.web_process import KEEP_ALIVE_SECONDS
from tests.comings_and_goings import come_and_go
from tests.conftest import Guests
from tests.doors import DOOR_NAMES, Door, Doors, open_doors
from tests.patience import until
from tests.person import Person
from tests.processes import RedisServer
from tests.wire import Wire, replies, say, wire

READERS = 50
# Of a few kilobytes each: together far more than a small receive buffer and less than a mailbox.
MESSAGES = 40
FAMILIES = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 140
# The kernel keeps some of what was not read, and that is not the process's memory.
GROWTH_MOST_KILOBYTES = 24 * 1024
# A machine with other things to do.
SLACK_SECONDS = 30.0
COMINGS = 10_000
NEVER_SECONDS = 3_600.0
SIGN_INS = 100
HEARTBEAT_SECONDS = 20.0
# The default number of hashers, each with RFC 9106's 64 MiB.
HASHERS = 2
ARGON2_KILOBYTES = 64 * 1024


def asking(person: Person) -> bytes:
    lines = ["GET /stream HTTP/1.1", "Host: 127.0.0.1", "Last-Event-ID: 0"]
    lines += [f"Cookie: notifier={person.cookies['notifier']}", "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_readers_that_never_read_cost_little_and_are_let_go(
    doors: Doors, guests: Guests, name: str
) -> None:
    door = doors.named(name)
    harry, deaf, deafer, gitau = await guests("harry", "deaf", "deafer", "gitau")
    let_go_seconds = USER_TIMEOUT_MS / 1000 + SLACK_SECONDS
    async with door.unharmed(), AsyncExitStack() as stack:
        stream = await stack.enter_async_context(door.visitor(gitau).stream())
        for person in (deaf, deafer):
            for _ in range(READERS):
                reader = await stack.enter_async_context(wire(door.port, receive_buffer_bytes=2048))
                await reader.send(asking(person))
        await door.streams(2 * READERS + 1)
        before = door.resident_kilobytes()
        for number in range(1, MESSAGES + 1):
            for person in (deaf, deafer):
                assert (await harry.send(person, FAMILIES)).status == 303
            await harry.send(gitau, f"message {number}")
            # Nobody else waits for them.
            await stream.count(number)
        assert door.resident_kilobytes() - before < GROWTH_MOST_KILOBYTES
        # Their sockets are still open on this side, and yet the other side lets them go.
        await door.streams(1, within=let_go_seconds)
        assert len(stream.texts) == MESSAGES


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_after_ten_thousand_comings_and_goings_all_is_as_it_was(
    doors: Doors, guests: Guests, redis: RedisServer, name: str
) -> None:
    door = doors.named(name)
    (harry,) = await guests("harry")
    async with Redis.from_url(redis.url) as client:
        channels = set(await client.pubsub_channels())
        memory = door.resident_kilobytes()
        async with door.unharmed(within=SLACK_SECONDS):
            await come_and_go(door, harry, COMINGS)

        async def subscriptions_back() -> bool:
            return set(await client.pubsub_channels()) <= channels

        await until(subscriptions_back, "its subscriptions back", LINGER_SECONDS + SLACK_SECONDS)
    assert door.resident_kilobytes() - memory < GROWTH_MOST_KILOBYTES


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_a_head_that_trickles_is_ended(doors: Doors, name: str) -> None:
    door = doors.named(name)
    seconds = HEAD_SECONDS if name == "gateway" else float(KEEP_ALIVE_SECONDS)
    async with door.unharmed(), wire(door.port) as slow, wire(door.port) as silent:
        await slow.send(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        trickling = asyncio.create_task(trickle(slow, b"a"))
        try:
            ended = await asyncio.gather(
                *(connection.rest(seconds + SLACK_SECONDS) for connection in (slow, silent))
            )
        finally:
            trickling.cancel()
    if name == "gateway":
        assert [reply.status for data in ended for reply in replies(data)] == [408, 408]


async def trickle(connection: Wire, piece: bytes) -> None:
    """A piece now and then, as slow clients do, for as long as they are taken."""

    async def refused() -> bool:
        return not await connection.send(piece)

    await until(refused, "the other end closes", within=NEVER_SECONDS)


async def test_a_body_that_trickles_is_told_so(doors: Doors) -> None:
    async with doors.web.unharmed(), wire(doors.web.port) as connection:
        await connection.send(
            b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n"
        )
        trickling = asyncio.create_task(trickle(connection, b"a"))
        try:
            await connection.until(b"\r\n\r\n", within=BODY_SECONDS + SLACK_SECONDS)
        finally:
            trickling.cancel()
        assert connection.received.startswith(b"HTTP/1.1 408 ")


@pytest.fixture
async def strict(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Doors]:
    """Doors of their own, whose memory nobody else has grown."""
    folder = functools.partial(tmp_path_factory.mktemp, "strict")
    async with open_doors(folder, redis.url, NOTIFIER_CHANNEL_PREFIX="strict") as doors:
        yield doors


async def test_a_hundred_sign_ins_at_once_take_bounded_memory_and_stop_no_stream(
    strict: Doors,
) -> None:
    people = [Person(strict.server.port, name) for name in ("harry", "gitau")]
    for person in people:
        await person.register()
        await person.sign_in()
    harry, gitau = people
    web = strict.web
    form = f"username={gitau.username}&password=not+the+password".encode()
    guess = (
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        b"Accept: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(form), form)
    )
    assert SIGN_INS <= WAITING_MOST
    before = web.resident_kilobytes()
    async with web.visitor(gitau).stream() as stream:
        attempts = [asyncio.create_task(say(web.port, guess, within=120)) for _ in range(SIGN_INS)]
        most = before
        number = 0
        while not all(attempt.done() for attempt in attempts):
            number += 1
            assert (await harry.send(gitau, f"message {number}")).status == 303
            await stream.count(number)
            most = max(most, web.resident_kilobytes())
        assert number > 1, "the precondition: it took a while"
        answers = [replies(await attempt)[0] for attempt in attempts]
        # Whoever would wait too long is told to return, and nothing worse.
        assert {answer.status for answer in answers} <= {401, 503}
        assert all("retry-after" in answer.headers for answer in answers if answer.status == 503)
        assert any(answer.status == 401 for answer in answers)
    assert most - before < (HASHERS + 1) * ARGON2_KILOBYTES + GROWTH_MOST_KILOBYTES


async def test_whoever_asks_one_door_too_often_leaves_the_other_alone(
    doors: Doors, guests: Guests
) -> None:
    harry, gitau = await guests("harry", "gitau")
    door: Door = doors.gateway
    async with door.visitor(gitau).stream() as stream:
        flooding = asyncio.create_task(come_and_go(doors.web, harry, COMINGS // 5))
        number = 0
        while not flooding.done():
            number += 1
            await harry.send(gitau, f"message {number}")
            await stream.count(number)
        await flooding
        assert stream.texts == [f"message {n}" for n in range(1, number + 1)]


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_streams_that_begin_together_beat_apart(
    doors: Doors, guests: Guests, name: str
) -> None:
    door = doors.named(name)
    people = await guests("harry", "gitau")
    loop = asyncio.get_running_loop()

    async def first_beat(person: Person) -> float:
        async with door.visitor(person).stream() as stream:
            began = loop.time()
            await stream.named("ping", within=HEARTBEAT_SECONDS + SLACK_SECONDS)
            return loop.time() - began

    async with door.unharmed():
        beats = sorted(await asyncio.gather(*(first_beat(person) for person in people * READERS)))
    # Half a period to a whole one, and a sweep more.
    assert beats[0] > HEARTBEAT_SECONDS * 0.45 and beats[-1] < HEARTBEAT_SECONDS * 1.25, beats
    for start in beats:
        together = sum(start <= beat < start + 1 for beat in beats)
        assert together < len(beats) / 3, f"{together} beat in one second: {beats}"
