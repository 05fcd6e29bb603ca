"""Who hears what: the recipient everything, the sender and everybody else nothing."""

from __future__ import annotations

from html import unescape

from tests.conftest import People
from tests.person import Person
from tests.processes import Server


async def test_a_third_person_hears_nothing_of_a_private_message(people: People) -> None:
    harry, gitau, third = await people("harry", "gitau", "third")
    async with gitau.stream() as stream, third.stream() as other:
        await harry.send(third, "for you, third")
        heard = await other.named("message")
        assert heard.payload["body"] == "for you, third", "the precondition: third hears at all"

        await harry.send(gitau, "not for <b>anybody</b> else")
        heard = await stream.named("message")
        assert heard.payload["body"] == "not for <b>anybody</b> else"
        assert heard.payload["from"] == harry.username

        # What comes after it has come, and nothing was between.
        await harry.send(third, "and once more")
        await other.count(2)
        assert other.texts == ["for you, third", "and once more"]
    rows = await third.notifications()
    assert "anybody" not in str(rows)
    assert "anybody" not in (await third.get("/messages")).text
    assert "anybody" not in (await third.get("/messages/sent")).text


async def test_the_sender_hears_nothing_of_what_they_sent(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    assert [row for row in await harry.notifications() if row["name"] == "message"] == []
    assert "hello" in (await harry.get("/messages/sent")).text


async def test_text_is_shown_as_text(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    text = "<script>alert(1)</script> & \"quotes\" 'too'"
    await harry.send(gitau, text)
    page = (await gitau.get("/messages")).text
    assert "<script>alert" not in page
    assert text in unescape(page)


async def test_opening_the_inbox_sets_every_window_of_that_person_to_zero(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    async with gitau.stream() as one, gitau.stream() as another:
        await harry.send(gitau, "hello")
        await one.count(1)
        await another.count(1)
        await gitau.get("/messages")
        await one.count(0)
        await another.count(0)


async def test_a_message_to_oneself_is_refused(people: People) -> None:
    (harry,) = await people("harry")
    assert (await harry.send(harry, "note to self")).status == 422
    assert await harry.unread() == 0


async def test_a_message_to_nobody_is_not_found(server: Server, people: People) -> None:
    (harry,) = await people("harry")
    assert (await harry.send(Person(server.port, "nobody-here"), "x")).status == 404


async def test_a_repeated_send_with_one_key_returns_the_first_one(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    headers = {"Accept": "application/json", "Idempotency-Key": "once"}
    path = f"/send_message/{gitau.username}"
    first, second = [
        await harry.request("POST", path, fields={"message": "once"}, headers=headers)
        for _ in range(2)
    ]
    assert first.status == 201
    assert set(first.json) == {"id", "sequence", "sent_at"}
    assert second.json == first.json
    assert await gitau.unread() == 1
