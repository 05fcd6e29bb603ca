"""The notification centre: what the bell counts, what is seen and read, and who may tell what."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from notifier import centre
from notifier.engine import Engine
from notifier.names import UNSEEN_COUNT
from tests.conftest import People
from tests.integration.conftest import add_people, both
from tests.notify import notify
from tests.person import Person
from tests.processes import Server

ANNOUNCEMENT = {"title": "Back at noon", "text": "The kettle moves.", "link": "/user/harry"}


async def tell(
    engine: Engine, person_id: int, name: str, payload: object, *, kept: bool = True
) -> int:
    async with engine.database.write() as connection:
        events = await centre.tell(connection, person_id, name, payload, kept=kept, kept_most=1000)
    engine.publish(events)
    return events[0].sequence


async def counted(engine: Engine, person_id: int) -> tuple[int, int]:
    async with engine.database.read() as connection:
        now = await centre.unseen(connection, person_id)
    return now.messages, now.others


async def lines(engine: Engine, person_id: int) -> list[centre.Listed]:
    async with engine.database.read() as connection:
        return await centre.lately(connection, person_id, before=10**9, most=50)


async def bell(person: Person) -> tuple[int, int]:
    answer = await person.get("/notifications/unseen", Accept="application/json")
    return answer.json["data"]["messages"], answer.json["data"]["others"]


@both
async def test_a_named_notification_is_counted_listed_seen_and_read(engine: Engine) -> None:
    (harry,) = await add_people(engine.database, "harry")
    first = await tell(engine, harry, "announcement", ANNOUNCEMENT)
    second = await tell(engine, harry, "kettle-boils", {"text": "now"})
    assert await counted(engine, harry) == (0, 2)

    found = await lines(engine, harry)
    assert [one.sequence for one in found] == [second, first]
    assert found[1].line == ("Back at noon", "The kettle moves.", "/user/harry", "")
    assert found[0].line.title == "Kettle boils"

    events = await centre.mark_seen(engine.database, harry, first)
    assert [(e.name, e.payload) for e in events] == [(UNSEEN_COUNT, {"messages": 0, "others": 1})]
    await centre.mark_seen(engine.database, harry, 1)
    assert await counted(engine, harry) == (0, 1), "what was seen never becomes unseen again"

    await centre.mark_read(engine.database, harry, second)
    assert await counted(engine, harry) == (0, 0)
    assert [one.read for one in await lines(engine, harry)] == [True, False]
    await centre.mark_read(engine.database, harry, None)
    assert all(one.read and one.seen for one in await lines(engine, harry))


@both
async def test_a_state_that_changed_is_one_line_and_news_again(engine: Engine) -> None:
    (harry,) = await add_people(engine.database, "harry")
    for percent in (10, 40):
        await tell(engine, harry, "export_progress", {"percent": percent}, kept=False)
    assert await counted(engine, harry) == (0, 1)
    await centre.mark_read(engine.database, harry, None)
    assert await counted(engine, harry) == (0, 0)
    await tell(engine, harry, "export_progress", {"percent": 100}, kept=False)
    (found,) = await lines(engine, harry)
    assert (found.line.title, found.seen, found.read) == ("Your export is ready", False, False)
    assert await counted(engine, harry) == (0, 1)


@pytest.mark.parametrize("name", ["message", "unread_message_count", "ping", "a b", ""])
async def test_names_of_our_own_cannot_be_told(engine: Engine, name: str) -> None:
    (harry,) = await add_people(engine.database, "harry")
    with pytest.raises(ValueError, match="name"):
        await tell(engine, harry, name, 1)


async def test_a_message_is_counted_until_it_is_seen_or_read(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    async with gitau.stream() as stream:
        await harry.send(gitau, "one")
        await harry.send(gitau, "two")
        assert await bell(gitau) == (2, 0)
        panel = await gitau.get("/notifications/panel")
        assert panel.text.count(f"Message from {harry.username}") >= 2
        assert await bell(gitau) == (2, 0), "fetching the panel is not seeing it"

        found = re.search(r'data-sequence="(\d+)"', panel.text)
        assert found
        shown = await gitau.request("POST", "/notifications/seen", fields={"up_to": found[1]})
        assert shown.status == 204
        # Every other device is told.
        told = await stream.named(UNSEEN_COUNT)
        assert told.payload == {"messages": 0, "others": 0}
    await harry.send(gitau, "three")
    assert await bell(gitau) == (1, 0)
    await gitau.get("/messages")
    assert await bell(gitau) == (0, 0), "what was read in the inbox is no news"
    assert "note-unread" not in (await gitau.get("/notifications/all")).text


async def test_following_leads_there_and_reads_but_fetching_ahead_does_not(
    people: People,
) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    (message,) = [row for row in await gitau.notifications() if row["name"] == "message"]
    path = f"/notifications/{message['sequence']}"
    ahead = await gitau.get(path, Sec_Purpose="prefetch")
    assert ahead.status == 303
    assert "note-unread" in (await gitau.get("/notifications/panel")).text
    followed = await gitau.get(path)
    assert harry.username in followed.location
    assert "note-unread" not in (await gitau.get("/notifications/panel")).text
    # Another person's notification is nothing at all.
    assert (await harry.get(path)).status == 404


async def test_without_scripts_the_page_of_all_marks_one_and_all(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    for text in ("one", "two", "three"):
        await harry.send(gitau, text)
    page = (await gitau.get("/notifications/all")).text
    assert page.count("note-unread") == 3
    assert await bell(gitau) == (0, 0)
    one = re.search(r'action="(/notifications/\d+/read)"', page)
    assert one
    assert (await gitau.request("POST", one[1])).status == 303
    assert (await gitau.get("/notifications/all")).text.count("note-unread") == 2
    await gitau.request("POST", "/notifications/read")
    assert "note-unread" not in (await gitau.get("/notifications/all")).text


async def test_the_command_tells_a_person_and_what_is_wrong(server: Server, people: People) -> None:
    (harry,) = await people("harry")
    code, said = await notify(
        server, harry.username, "announcement", "-", "--kept", stdin=b'{"title": "Back at noon"}'
    )
    assert (code, "recorded" in said) == (0, True), said
    assert "Back at noon" in (await harry.get("/notifications/all")).text
    for arguments, expected in (
        (("nobody-here", "announcement", "1"), 1),
        ((harry.username, "announcement", "{"), 2),
        ((harry.username, "no name", "1"), 2),
        ((harry.username, "message", "1"), 2),
    ):
        code, said = await notify(server, *arguments)
        assert code == expected, said
        assert "Traceback" not in said


async def test_choices_are_kept_and_every_page_is_given_them(people: People) -> None:
    (harry,) = await people("harry")
    body = "way=message.sound&way=*.toast&quiet_from=22:00&quiet_until=07:00&time_zone=Asia/Seoul"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    saved = await harry.request("POST", "/settings/notifications", body=body.encode(), headers=form)
    assert saved.location.endswith("/settings#notifications")
    page = unescape((await harry.get("/")).text)
    found = re.search(r'data-choices="({.*?})"', page)
    assert found
    given = json.loads(found[1])
    assert given["ways"]["message"] == ["sound"]
    assert given["ways"]["announcement"] == []
    assert (given["quiet"], given["zone"]) == ([1320, 420], "Asia/Seoul")
    settings = (await harry.get("/settings")).text
    assert 'value="22:00"' in settings
    assert "<option selected>Asia/Seoul" in settings

    await harry.request(
        "POST", "/settings/notifications", body=b"time_zone=Mars/Olympus", headers=form
    )
    assert "There is no such time zone." in (await harry.get("/settings")).text
