"""The faults of the tutorial apps that this one grew out of stay mended: a test each."""

from __future__ import annotations

import asyncio
import re
import time
from html import unescape

from tests.conftest import People, Serve
from tests.patience import until
from tests.person import Person
from tests.processes import Server

HOUR_SECONDS = 3600


def badge(page: str) -> tuple[bool, str]:
    """Whether the badge is hidden, and what it says; fails when the page has none."""
    found = re.search(r'<span([^>]*\bid="unread-badge"[^>]*)>\D*(\d+)', page)
    assert found, "no badge in the page"
    return " hidden" in found[1], found[2]


async def test_the_badge_is_in_the_page_and_hidden_at_zero(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    assert badge((await gitau.get("/")).text) == (True, "0")
    await harry.send(gitau, "hello")
    assert badge((await gitau.get("/")).text) == (False, "1")


async def test_the_second_page_of_the_inbox_has_its_messages_and_both_links(
    serve: Serve, people: People
) -> None:
    server = await serve(POSTS_PER_PAGE=2)
    harry, gitau = await people("harry", "gitau", on=server)
    for number in range(6):
        await harry.send(gitau, f"message number {number}")
    page = unescape((await gitau.get("/messages?page=2")).text)
    assert [n for n in range(6) if f"message number {n}" in page] == [2, 3]
    links = dict(re.findall(r'rel="(prev|next)" href="([^"]*)"', page))
    newer, older = [unescape((await gitau.get(links[rel])).text) for rel in ("prev", "next")]
    assert [n for n in range(6) if f"message number {n}" in newer] == [4, 5]
    assert [n for n in range(6) if f"message number {n}" in older] == [0, 1]
    assert 'rel="prev"' not in newer and 'rel="next"' not in older


async def test_concurrent_sends_leave_the_right_count(people: People) -> None:
    senders = await people("ann", "ben", "cleo", "dan")
    (gitau,) = await people("gitau")
    async with gitau.stream() as stream:
        sent = await asyncio.gather(
            *(sender.send(gitau, f"{number}") for sender in senders for number in range(5))
        )
        assert {answer.status for answer in sent} <= {302, 303}
        await stream.count(20)
        assert stream.sequences == sorted(set(stream.sequences))
        assert len(stream.texts) == 20
    assert await gitau.unread() == 20


async def test_two_notifications_with_one_timestamp_are_both_read(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    rows = await gitau.notifications()
    assert {row["name"] for row in rows} == {"message", "unread_message_count"}
    first, second = rows
    assert first["timestamp"] == second["timestamp"], "the precondition: one transaction, one time"
    again = await gitau.notifications(f"since={first['timestamp']!r}")
    assert [row["sequence"] for row in again] == [first["sequence"], second["sequence"]]
    exact = await gitau.notifications(f"after={first['sequence']}")
    assert [row["sequence"] for row in exact] == [second["sequence"]]


async def test_a_prefetch_marks_nothing_as_read(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    for header, value in (("Sec-Purpose", "prefetch"), ("Purpose", "prefetch")):
        await gitau.request("GET", "/messages", headers={header: value})
        assert await gitau.unread() == 1, header
    await gitau.request("HEAD", "/messages")
    assert await gitau.unread() == 1
    await gitau.get("/messages")
    assert await gitau.unread() == 0


async def test_a_message_that_arrives_while_the_inbox_renders_stays_unread(
    serve: Serve, people: People
) -> None:
    server = await serve(POSTS_PER_PAGE=100)
    harry, gitau = await people("harry", "gitau", on=server)
    texts = [f"<{number:02}>" for number in range(40)]
    shown = ""

    async def send_all() -> None:
        for text in texts:
            assert (await harry.send(gitau, text)).status in (302, 303)

    sending = asyncio.create_task(send_all())
    while not sending.done():
        shown += unescape((await gitau.get("/messages")).text)
    await sending
    missed = [text for text in texts if text not in shown]
    # Whatever was marked as read stood on a page; what stood on none is still unread.
    assert await gitau.unread() == len(missed)
    inbox = unescape((await gitau.get("/messages")).text)
    assert all(text in inbox for text in missed)


async def test_polling_does_not_keep_last_seen_at_now(server: Server, people: People) -> None:
    (gitau,) = await people("gitau")
    long_ago = time.time() - HOUR_SECONDS
    await _set_last_seen(server, gitau, long_ago)
    await gitau.notifications()
    async with gitau.stream() as stream:
        assert stream.status == 200
    assert await _last_seen(server, gitau) == long_ago
    await gitau.get("/")

    async def noted() -> bool:
        return await _last_seen(server, gitau) > long_ago

    await until(noted, "a page was looked at, and noted")


async def test_a_name_is_registered_once_whatever_its_case(server: Server, people: People) -> None:
    (harry,) = await people("harry")
    second = Person(server.port, harry.username.upper())
    refused = await second.submit(
        "/register",
        username=second.username,
        email="another@example.org",
        password=second.password,
        confirm_password=second.password,
    )
    assert refused.status == 422
    assert "different username" in refused.text
    third = Person(server.port, "somebody-new")
    refused = await third.submit(
        "/register",
        username=third.username,
        email=f"{harry.username.upper()}@EXAMPLE.org",
        password=third.password,
        confirm_password=third.password,
    )
    assert refused.status == 422


async def test_of_two_who_register_one_name_at_once_one_gets_it(server: Server) -> None:
    twins = [Person(server.port, "twin"), Person(server.port, "Twin")]
    answers = await asyncio.gather(*(twin.register() for twin in twins))
    assert sorted(answer.status in (302, 303) for answer in answers) == [False, True]
    assert all(answer.status in (302, 303, 422) for answer in answers)


async def _set_last_seen(server: Server, person: Person, moment: float) -> None:
    await server.sql(
        'UPDATE "user" SET last_seen_at = :moment WHERE username = :name',
        moment=moment,
        name=person.username,
    )


async def _last_seen(server: Server, person: Person) -> float:
    rows = await server.sql(
        'SELECT last_seen_at FROM "user" WHERE username = :name', name=person.username
    )
    return float(rows[0][0])
