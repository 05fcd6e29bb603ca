"""Both doors send the same stream byte for byte, and waiting in one costs no query."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Guests
from tests.doors import DOOR_NAMES, Door, Doors, Recording, recorded
from tests.patience import until
from tests.person import Person, Stream
from tests.proc import told
from tests.wire import wire

AT_ONCE = 60
# Connects that come together share their queries: some batches, whatever is under way meanwhile.
QUERIES_FOR_ALL = 24
SENDS = 8
# What a timer may have asked meanwhile, with its BEGIN and COMMIT.
RECONCILE_QUERIES = 6


@asynccontextmanager
async def listening(
    door: Door, person: Person, cursor: int | str | None
) -> AsyncIterator[tuple[Stream, Recording]]:
    async with door.visitor(person).stream(last_event_id=cursor) as stream:
        yield stream, recorded(stream)


def brought(recording: Recording, what: bytes) -> bool:
    return what in recording.bytes


async def same_stream(
    doors: Doors,
    person: Person,
    cursor: int | str | None,
    ends_with: bytes,
    work: Callable[[], Awaitable[object]] | None = None,
) -> bytes:
    """What both doors send from `cursor` on, up to `ends_with`; `work` is done once both streams
    are live: one that catches up after it finds another state."""
    async with AsyncExitStack() as stack:
        found = [
            (await stack.enter_async_context(listening(door, person, cursor)))[1]
            for door in (doors.web, doors.gateway)
        ]
        for recording in found:
            await until(partial(brought, recording, b"retry: "), "the first bytes")
        await asyncio.gather(*(door.live(1) for door in (doors.web, doors.gateway)))
        if work is not None:
            await work()
        for recording in found:
            await until(partial(brought, recording, ends_with), f"{ends_with!r}")
        web, gateway = (
            re.sub(rb"^retry: \d{4}\n\n", b"retry: random\n\n", recording.bytes)
            for recording in found
        )
    assert web == gateway
    return web


async def test_a_stream_without_a_cursor_is_the_same(doors: Doors, guests: Guests) -> None:
    harry, gitau = await guests("harry", "gitau")
    await harry.send(gitau, "before")
    sent = await same_stream(
        doors, gitau, None, b'"sequence":4}\n\n', partial(harry.send, gitau, "live\r\n é")
    )
    assert sent.startswith(b"retry: random\n\nid: 2\nevent: unread_message_count\n")
    assert b"before" not in sent, "state only"


async def test_a_stream_with_a_cursor_is_the_same(doors: Doors, guests: Guests) -> None:
    harry, gitau = await guests("harry", "gitau")
    for text in ("one", "two", "three"):
        await harry.send(gitau, text)
    sent = await same_stream(
        doors, gitau, 1, b'"sequence":8}\n\n', partial(harry.send, gitau, "live")
    )
    assert re.findall(rb"id: (\d+)\n", sent) == [b"3", b"5", b"6", b"7", b"8"]


async def test_a_signal_is_the_same_and_moves_no_cursor(doors: Doors, guests: Guests) -> None:
    harry, gitau = await guests("harry", "gitau")

    async def types_and_sends() -> None:
        typed = await harry.request("POST", f"/typing/{gitau.username}")
        assert typed.status == 204, typed.text
        await harry.send(gitau, "after it")

    sent = await same_stream(doors, gitau, 0, b'"sequence":2}\n\n', types_and_sends)
    before, _, after = sent.partition(b"event: typing\n")
    data = re.fullmatch(rb"data: (\{[^\n]*\})\n\nid: 1\n.*", after, re.DOTALL)
    assert data, sent
    assert b"id:" not in before
    heard = json.loads(data[1])
    assert heard.keys() == {"name", "data", "timestamp"}
    assert (heard["name"], heard["data"]) == ("typing", {"from": harry.username})
    assert [row for row in await gitau.notifications() if row["name"] == "typing"] == []


async def test_a_current_cursor_gets_what_comes_and_nothing_else(
    doors: Doors, guests: Guests
) -> None:
    harry, gitau = await guests("harry", "gitau")
    await harry.send(gitau, "before")
    sent = await same_stream(
        doors, gitau, 2, b'"sequence":4}\n\n', partial(harry.send, gitau, "live")
    )
    assert re.findall(rb"id: (\d+)\n", sent) == [b"3", b"4"]


@pytest.mark.parametrize("cursor", ["5", "-1", str(2**63), "9" * 3_000, "+1", "1x", "1 2"])
async def test_a_strange_cursor_is_treated_the_same(
    doors: Doors, guests: Guests, cursor: str
) -> None:
    harry, gitau = await guests("harry", "gitau")
    await harry.send(gitau, "before")
    sent = await same_stream(
        doors, gitau, cursor, b'"sequence":4}\n\n', partial(harry.send, gitau, "live")
    )
    is_reset = b"event: reset\ndata: {}\n\n" in sent
    assert is_reset is (cursor not in {"1x", "1 2"})


async def test_a_cursor_in_the_query_and_one_in_the_header_are_read_the_same(
    doors: Doors, guests: Guests
) -> None:
    harry, gitau = await guests("harry", "gitau")
    await harry.send(gitau, "one")
    answers = set()
    for door in (doors.web, doors.gateway):
        for query, header in (("1", ""), ("0", "1"), ("1", "1"), ("x", "1"), ("%31", "")):
            visitor = door.visitor(gitau)
            stream = Stream(door.port)
            headers = visitor._usual_headers() | ({"Last-Event-ID": header} if header else {})
            await stream.open(headers, f"/stream?other=2&last_event_id={query}&last_event_id=0")
            await stream.named("unread_message_count")
            answers.add(tuple(stream.sequences))
            await stream.close()
    assert answers == {(2,)}


async def test_signing_out_ends_both_the_same_way(doors: Doors, guests: Guests) -> None:
    (harry,) = await guests("harry")
    cookies = dict(harry.cookies)
    sent = await same_stream(doors, harry, 0, b"event: signed_out\ndata: {}\n\n", harry.sign_out)
    assert sent == b"retry: random\n\nevent: signed_out\ndata: {}\n\n"
    harry.cookies = cookies
    for door in (doors.web, doors.gateway):
        assert (await door.visitor(harry).get("/stream")).status == 401, "a replayed cookie"
        await door.streams(0)


async def test_heads_say_the_same(doors: Doors, guests: Guests) -> None:
    (harry,) = await guests("harry")
    heads = []
    for door in (doors.web, doors.gateway):
        async with listening(door, harry, 0) as (stream, _):
            heads.append(dict(stream.headers))
    names = {
        "content-type", "cache-control", "x-accel-buffering", "content-security-policy",
        "x-content-type-options", "referrer-policy", "cross-origin-opener-policy",
        "x-frame-options", "permissions-policy",
    }  # fmt: skip
    assert all(names <= head.keys() for head in heads), heads
    # Who may read it from elsewhere is for the gateway alone to say.
    web, gateway = ({name: head[name] for name in names} for head in heads)
    assert web == gateway


async def test_the_shorter_and_the_longer_way_to_the_web_door_say_the_same(
    doors: Doors, guests: Guests
) -> None:
    """A cookie of somebody else's with a percent sign is enough for the longer one."""
    harry, gitau = await guests("harry", "gitau")
    await gitau.send(harry, "good morning")
    heads, events = [], []
    for more in ({}, {"other": "a%20b"}):
        visitor = doors.web.visitor(harry)
        visitor.cookies = visitor.cookies | more
        async with visitor.stream(0) as stream:
            await stream.named("unread_message_count")
            heads.append({**stream.headers, "date": ""})
            events.append([(event.name, event.data) for event in stream.events])
    assert heads[0] == heads[1]
    assert list(heads[0]) == list(heads[1]), "in the same order"
    assert events[0] == events[1]


# -- with settings of their own ------------------------------------------------------------


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_an_old_stream_ends_after_its_heartbeats(
    hasty: Doors, lodger: Person, name: str
) -> None:
    door = hasty.named(name)
    async with listening(door, lodger, 0) as (stream, recording):
        await stream.end()
    pattern = rb"retry: \d{4}\n\n(event: ping\ndata: \{\}\n\n)+"
    assert re.fullmatch(pattern, recording.bytes), recording.bytes
    # Aged between 2.4 and 3.6 s, and beating every half second from the first half on.
    assert 3 <= recording.bytes.count(b"event: ping") <= 8
    await door.streams(0)


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_who_has_too_many_streams_is_told_and_keeps_the_first(
    hasty: Doors, lodger: Person, name: str
) -> None:
    door = hasty.named(name)
    async with listening(door, lodger, 0), listening(door, lodger, 0) as (second, _):
        await door.streams(2)
        async with listening(door, lodger, 0) as (third, recording):
            await third.end()
        assert recording.bytes == b"retry: 300000\n\nevent: too_many\ndata: {}\n\n"
        assert not second.ended
        await door.streams(2)
    await door.streams(0)
    async with listening(door, lodger, 0):
        await door.streams(1)


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_a_stream_does_not_listen_to_what_is_pipelined_after_it(
    hasty: Doors, lodger: Person, name: str
) -> None:
    door = hasty.named(name)
    host = b"Host: 127.0.0.1\r\n"
    cookie = b"Cookie: notifier=" + lodger.cookies["notifier"].encode() + b"\r\n"
    async with wire(door.port) as connection:
        await connection.send(
            b"GET /stream HTTP/1.1\r\n" + host + cookie + b"\r\n"
            b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n"
        )
        await connection.until(b"event: ping")
        assert connection.received.count(b"HTTP/1.1 ") == 1
    # The web door reads no further, so it notices by writing that nobody is there.
    await door.streams(0)


# -- what it costs -------------------------------------------------------------------------


async def queries(door: Door) -> float:
    return (await door.metrics())["notifier_database_queries_total"]


async def test_who_connects_at_once_shares_the_queries(door: Door, guests: Guests) -> None:
    (harry,) = await guests("harry")
    before = await queries(door)
    async with AsyncExitStack() as stack:
        await asyncio.gather(
            *(stack.enter_async_context(door.visitor(harry).stream(0)) for _ in range(AT_ONCE))
        )
        await door.streams(AT_ONCE)
        await until(lambda: settled(door), "everybody live")
        # Reconcile may have looked once meanwhile.
        assert await queries(door) - before <= QUERIES_FOR_ALL


async def settled(door: Door) -> bool:
    return (await door.metrics())["notifier_streams_behind"] == 0


async def test_a_waiting_stream_and_a_live_event_cost_no_query(door: Door, guests: Guests) -> None:
    harry, gitau, nobody = await guests("harry", "gitau", "nobody")

    async def cost_of_sending_to(recipient: Person) -> float:
        before = await queries(door)
        for number in range(SENDS):
            await harry.send(recipient, f"message {number}")
        return await queries(door) - before

    # The sends themselves cost the web process some.
    alone = await cost_of_sending_to(nobody)
    async with door.visitor(gitau).stream(0) as stream:
        await door.streams(1)
        await until(lambda: settled(door), "the stream is live")
        listened_to = await cost_of_sending_to(gitau)
        await stream.count(SENDS)
    assert listened_to <= alone + RECONCILE_QUERIES


async def test_the_gateway_waits_without_a_clock_of_its_loop(guests: Guests, doors: Doors) -> None:
    (harry,) = await guests("harry")
    async with doors.gateway.visitor(harry).stream():
        await doors.gateway.live(1)

        def waits_for_ever() -> bool:
            # What the kernel is asked for at this moment (proc_pid_syscall(5)): epoll_pwait, whose
            # fourth argument is after how many milliseconds it returns at the latest.
            called = told(Path(f"/proc/{doors.gateway.pid}/syscall")).split()
            return len(called) > 4 and int(called[4], 16) & 0xFFFFFFFF == 0xFFFFFFFF

        await until(waits_for_ever, "nothing but the kernel's timer wakes it")


async def test_a_gateway_that_is_woken_interrupts_nobody(doors: Doors) -> None:
    batch = os.sched_getscheduler(doors.gateway.pid)
    assert batch == os.SCHED_BATCH, "the kernel lets whoever has the core go on"
    assert os.sched_getscheduler(doors.web.pid) == os.SCHED_OTHER
