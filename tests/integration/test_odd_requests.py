"""What no browser sends: at both doors a correct short answer, and nothing is left of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.conftest import Guests
from tests.doors import Door, Doors
from tests.exchange import request
from tests.wire import replies, say, wire

HOST = b"Host: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n"
PIPELINED = 1000
# The web door reads no body where it needs none, and bounds a head by 64 KB and a packet.
SAME_ORIGIN = b"Sec-Fetch-Site: same-origin"
LENGTH, CHUNKED = b"Content-Length: 3", b"Transfer-Encoding: chunked"


def asking(first_line: bytes, *headers: bytes, body: bytes = b"", host: bytes = HOST) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return first_line + b"\r\n" + host + CLOSE + lines + b"\r\n" + body


@dataclass(frozen=True)
class Odd:
    """A request, and the statuses that the two doors may answer."""

    data: bytes
    web: tuple[int, ...]
    gateway: tuple[int, ...]


IN_CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
WEBSOCKET = (
    b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
ODD = {
    "nobody": Odd(asking(b"GET /stream HTTP/1.1"), (401,), (401,)),
    "wrong path": Odd(asking(b"GET /streams HTTP/1.1"), (404,), (404,)),
    "a path that climbs": Odd(asking(b"GET /../stream HTTP/1.1"), (404,), (404,)),
    "OPTIONS": Odd(asking(b"OPTIONS /stream HTTP/1.1"), (200,), (204,)),
    "wrong method": Odd(asking(b"DELETE /stream HTTP/1.1", SAME_ORIGIN), (405,), (405,)),
    "TRACE": Odd(asking(b"TRACE /stream HTTP/1.1"), (405,), (405,)),
    "no method": Odd(asking(b"FOO /healthz HTTP/1.1", SAME_ORIGIN), (405,), (400,)),
    "a body": Odd(asking(b"GET /healthz HTTP/1.1", LENGTH, body=b"abc"), (200,), (413,)),
    "a chunked body": Odd(
        asking(b"GET /healthz HTTP/1.1", CHUNKED, body=IN_CHUNKS),
        (200,), (413,),
    ),
    "a body of two lengths": Odd(
        asking(b"POST /login HTTP/1.1", SAME_ORIGIN, LENGTH, b"Content-Length: 4"),
        (400,), (400,),
    ),
    "a posted stream": Odd(
        asking(b"POST /stream HTTP/1.1", SAME_ORIGIN, LENGTH, body=b"abc"), (405,), (413,),
    ),
    "an absolute address": Odd(asking(b"GET http://127.0.0.1/healthz HTTP/1.1"), (200,), (200,)),
    "HTTP/1.0": Odd(b"GET /healthz HTTP/1.0\r\n\r\n", (200,), (200,)),
    "HTTP/1.0 at the stream": Odd(b"GET /stream HTTP/1.0\r\n\r\n", (401,), (401,)),
    "no Host": Odd(asking(b"GET /healthz HTTP/1.1", host=b""), (400,), (400,)),
    "two Hosts": Odd(asking(b"GET /healthz HTTP/1.1", b"Host: b"), (400,), (400,)),
    "garbage": Odd(b"\x00\xff\x01 hello\r\n\r\n", (400,), (400,)),
    "a TLS hello": Odd(bytes.fromhex("16030100c8010000c40303") + bytes(190), (400,), (400,)),
    "a header with NUL": Odd(asking(b"GET /healthz HTTP/1.1", b"X: a\0b"), (400,), (400,)),
    "a name with a blank": Odd(asking(b"GET /healthz HTTP/1.1", b"Length : 3"), (400,), (400,)),
    "a large header": Odd(
        asking(b"GET /healthz HTTP/1.1", b"X: " + b"a" * 200_000), (431,), (431,)
    ),
    "a thousand headers": Odd(
        asking(b"GET /healthz HTTP/1.1", *(b"X%d: a" % n for n in range(1000))), (200, 431), (431,)
    ),
    "a WebSocket": Odd(asking(b"GET /stream HTTP/1.1", *WEBSOCKET), (400, 403), (401,)),
    "a cursor of 60 KB": Odd(
        asking(b"GET /stream HTTP/1.1", b"Last-Event-ID: " + b"9" * 60_000), (401, 431), (431,)
    ),
    "two cursors": Odd(
        asking(b"GET /stream HTTP/1.1", b"Last-Event-ID: 1", b"Last-Event-ID: 2"), (401,), (401,)
    ),
    "bytes in the path": Odd(asking(b"GET /user/\xff\xfe HTTP/1.1"), (400,), (400, 404)),
    "no UTF-8 in the query": Odd(asking(b"GET /stream?last_event_id=%ff HTTP/1.1"), (400,), (401,)),
    "no UTF-8 in the cookie": Odd(
        asking(b"GET /stream HTTP/1.1", b"Cookie: notifier=\xff\xfe"), (400,), (401,)
    ),
    "an upload announced": Odd(
        asking(b"POST /login HTTP/1.1", SAME_ORIGIN, b"Content-Length: 1000000000"), (413,), (413,)
    ),
}  # fmt: skip


def expected(odd: Odd, door: Door) -> tuple[int, ...]:
    return odd.web if door.name == "web" else odd.gateway


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
async def test_an_odd_request_has_a_correct_answer(door: Door, odd: Odd) -> None:
    (reply,) = replies(await say(door.port, odd.data))
    assert reply.status in expected(odd, door)
    if reply.status == 405 and door.name == "gateway":
        assert reply.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "server" not in reply.headers


async def test_whoever_stops_halfway_in_an_odd_request_leaves_nothing(door: Door) -> None:
    async with door.unharmed():
        for odd in ODD.values():
            for end in (1, len(odd.data) // 2, len(odd.data) - 1):
                async with wire(door.port) as connection:
                    await connection.send(odd.data[:end])
                    connection.reset()


async def test_a_half_closed_connection_leaves_nothing(door: Door, guests: Guests) -> None:
    (harry,) = await guests("harry")
    async with door.unharmed():
        for odd in ODD.values():
            await say(door.port, odd.data, half_close=True)
        # As for a stream: who sends no more may still listen, or is let go.
        cookie = b"Cookie: notifier=" + harry.cookies["notifier"].encode()
        async with wire(door.port) as connection:
            await connection.send(asking(b"GET /stream HTTP/1.1", cookie))
            await door.streams(1)
            connection.half_close()


async def test_head_tells_the_length_and_sends_nothing(door: Door) -> None:
    for path in (b"/healthz", b"/no-such-page", b"/stream"):
        head = await say(door.port, asking(b"HEAD " + path + b" HTTP/1.1"))
        whole = await say(door.port, asking(b"GET " + path + b" HTTP/1.1"))
        (answer,), (full,) = replies(head, to_head=True), replies(whole)
        assert answer.status == full.status and full.body
        assert answer.headers["content-length"] == full.headers["content-length"], path


async def test_head_on_a_stream_opens_none(door: Door, guests: Guests) -> None:
    (harry,) = await guests("harry")
    cookie = b"Cookie: notifier=" + harry.cookies["notifier"].encode()
    async with door.unharmed():
        (answer,) = replies(
            await say(door.port, asking(b"HEAD /stream HTTP/1.1", cookie)), to_head=True
        )
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_thousand_pipelined_requests_are_answered_one_by_one_or_once(door: Door) -> None:
    one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    async with door.unharmed():
        found = replies(
            await say(door.port, one * (PIPELINED - 1) + asking(b"GET /healthz HTTP/1.1"))
        )
    assert {(reply.status, reply.body) for reply in found} == {(200, b"ok\n")}
    # The gateway serves one request a connection, and says so.
    assert len(found) == (PIPELINED if door.name == "web" else 1)
    assert found[-1].headers["connection"] == "close"


async def test_who_resets_right_after_asking_leaves_nothing(door: Door, guests: Guests) -> None:
    (harry,) = await guests("harry")
    cookie = b"Cookie: notifier=" + harry.cookies["notifier"].encode()
    stream = asking(b"GET /stream HTTP/1.1", cookie)

    async def come_and_go(number: int) -> None:
        async with wire(door.port) as connection:
            await connection.send(stream)
            if number % 2:
                # The other half is gone before anybody has looked.
                await connection.more()
            connection.reset()

    async with door.unharmed():
        for _ in range(4):
            await asyncio.gather(*(come_and_go(number) for number in range(50)))


async def test_the_gateway_closes_on_who_keeps_talking_into_a_stream(
    doors: Doors, guests: Guests
) -> None:
    (harry,) = await guests("harry")
    door = doors.gateway
    cookie = b"Cookie: notifier=" + harry.cookies["notifier"].encode()
    async with door.unharmed(), wire(door.port) as connection:
        await connection.send(asking(b"GET /stream HTTP/1.1", cookie))
        await door.streams(1)
        await connection.send(b"x" * 200_000)
        await connection.rest()


async def test_both_are_as_they_were_after_all_that(door: Door) -> None:
    assert (await request(door.port, "GET", "/readyz")).text == "ready\n"
