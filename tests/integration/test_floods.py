"""Floods: refused early, memory flat, and every count back where it was."""

from __future__ import annotations

import pytest

from tests.comings_and_goings import come_and_go
from tests.conftest import Guests
from tests.doors import Door, Doors
from tests.wire import Wire, replies, wire

GIGABYTE = 1024
MEGABYTE_PIECE = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
# What the kernel takes on both sides before anybody has looked at it, and a busy machine.
TAKEN_MOST_MEGABYTES = 64
GROWTH_MOST_KILOBYTES = 32 * 1024
COMINGS = 2_000


async def pour(connection: Wire) -> int:
    """Send a gigabyte in chunks; how many megabytes were taken."""
    for taken in range(GIGABYTE):
        if not await connection.send(MEGABYTE_PIECE):
            return taken
    return GIGABYTE


@pytest.mark.parametrize("first_line", ["POST /login", "GET /healthz", "POST /stream", "POST /x"])
async def test_a_gigabyte_in_chunks_is_refused_early(door: Door, first_line: str) -> None:
    before = door.resident_kilobytes()
    head = (
        f"{first_line} HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with door.unharmed(), wire(door.port) as connection:
        await connection.send(head.encode())
        assert await pour(connection) <= TAKEN_MOST_MEGABYTES
        (reply, *_) = replies(await connection.rest())
    expected = {"POST /login": 413, "GET /healthz": 200, "POST /stream": 405, "POST /x": 404}
    assert reply.status == (413 if door.name == "gateway" else expected[first_line])
    assert door.resident_kilobytes() - before < GROWTH_MOST_KILOBYTES


@pytest.mark.parametrize("kind", ["message", "file"])
async def test_a_multipart_bomb_is_refused_unread(doors: Doors, guests: Guests, kind: str) -> None:
    harry, gitau = await guests("harry", "gitau")
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n1\r\n' % kind.encode()
    answer = await harry.request(
        "POST",
        f"/send_message/{gitau.username}",
        body=part * 900 + b"--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status in (413, 415)
    assert await gitau.unread() == 0


async def test_a_form_of_many_fields_is_refused(doors: Doors, guests: Guests) -> None:
    harry, gitau = await guests("harry", "gitau")
    path = f"/send_message/{gitau.username}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await harry.request("POST", path, body=b"message=x&" * 5_000, headers=form)
    assert answer.status == 413
    assert await gitau.unread() == 0


async def test_after_two_thousand_comings_and_goings_all_is_as_it_was(
    door: Door, guests: Guests
) -> None:
    (harry,) = await guests("harry")
    async with door.unharmed():
        await come_and_go(door, harry, COMINGS)
    async with door.visitor(harry).stream() as stream:
        assert stream.status == 200
        await door.streams(1)
