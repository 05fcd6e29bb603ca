"""The pages of conversations as a browser without scripts gets them, and what scripts ask for."""

from __future__ import annotations

import re

import pytest

from tests.conftest import People
from tests.exchange import Answer

JSON = {"Accept": "application/json"}
SCRIPT_COOKIE = "notifier_script"


def message_ids(answer: Answer) -> list[int]:
    return [int(found) for found in re.findall(r'data-message="(\d+)"', answer.text)]


async def test_a_reply_without_scripts_is_sent_once_and_leads_back(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    path = f"/conversations/{gitau.username}"
    page = await harry.get(path)
    key = re.search(r'name="key" value="([^"]+)"', page.text)
    assert key
    for _ in range(2):
        answer = await harry.request("POST", path, fields={"message": "hello", "key": key[1]})
        assert (answer.status, answer.location) == (303, f"{path}#end")
    assert len(message_ids(await harry.get(path))) == 1
    assert await gitau.unread() == 1


async def test_a_refused_reply_keeps_its_text(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    answer = await harry.request(
        "POST", f"/conversations/{gitau.username}", fields={"message": "y" * 141}
    )
    assert answer.status == 422
    assert "y" * 141 in answer.text and "at most 140 characters" in answer.text


async def test_opening_without_scripts_reads_what_the_page_shows(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    assert await gitau.unread() == 1
    page = await gitau.get(f"/conversations/{harry.username}")
    assert 'id="new"' in page.text and "data-unread" in page.text, "where the unread begin"
    assert await gitau.unread() == 0
    assert 'id="new"' not in (await gitau.get(f"/conversations/{harry.username}")).text


async def test_a_prefetch_or_a_browser_with_scripts_reads_nothing_by_opening(
    people: People,
) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    path = f"/conversations/{harry.username}"
    await gitau.get(path, Sec_Purpose="prefetch;prerender")
    await gitau.request("HEAD", path)
    assert await gitau.unread() == 1
    gitau.cookies[SCRIPT_COOKIE] = "1"
    page = await gitau.get(path)
    assert await gitau.unread() == 1
    # Scripts may have been switched off since: then there is a button.
    assert "<noscript><form" in page.text
    (message_id,) = message_ids(page)
    answer = await gitau.request("POST", f"{path}/read", fields={"ids": str(message_id)})
    assert answer.status == 303
    assert await gitau.unread() == 0


async def test_reading_on_one_device_is_told_to_the_others(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    gitau.cookies[SCRIPT_COOKIE] = "1"
    async with gitau.stream() as stream:
        for text in ("one", "two"):
            await harry.send(gitau, text)
        await stream.count(2)
        path = f"/conversations/{harry.username}"
        first, _second = message_ids(await gitau.get(path))
        answer = await gitau.request(
            "POST", f"{path}/read", fields={"ids": str(first)}, headers=JSON
        )
        assert answer.json == {"with": harry.username, "read": [first]}
        await stream.count(1)
        read = await stream.named("conversation_read")
        assert read.payload == {"with": harry.username, "up_to": first, "unread": 1}


async def test_the_senders_other_devices_show_what_was_sent(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    async with harry.stream() as stream:
        path = f"/send_message/{gitau.username}"
        headers = {**JSON, "Idempotency-Key": "a key"}
        sent = await harry.request("POST", path, fields={"message": "hello"}, headers=headers)
        told = await stream.named("message_sent")
    assert told.payload == {
        "id": sent.json["id"],
        "to": gitau.username,
        "body": "hello",
        "sent_at": sent.json["sent_at"],
        "key": "a key",
    }


async def test_deleting_goes_everywhere(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "unfortunate")
    path = f"/conversations/{gitau.username}"
    (message_id,) = message_ids(await harry.get(path))
    async with gitau.stream() as stream:
        answer = await harry.request(
            "POST", f"{path}/delete", fields={"id": str(message_id)}, headers=JSON
        )
        assert answer.json == {"with": gitau.username, "deleted": message_id}
        gone = await stream.named("message_deleted")
        assert gone.payload == {"id": message_id, "with": harry.username}
        await stream.count(0)
    for page in ("/messages", "/conversations", f"/conversations/{harry.username}"):
        assert "unfortunate" not in (await gitau.get(page)).text
    assert "unfortunate" not in str(await gitau.notifications())
    assert "unfortunate" not in str(await harry.notifications())


async def test_nobody_deletes_or_reads_for_another(people: People) -> None:
    harry, gitau, third = await people("harry", "gitau", "third")
    await harry.send(gitau, "hello")
    (message_id,) = message_ids(await harry.get(f"/conversations/{gitau.username}"))
    fields = {"id": str(message_id), "ids": str(message_id)}
    for who in (gitau, third):
        path = f"/conversations/{harry.username}"
        assert (await who.request("POST", f"{path}/delete", fields=fields)).status == 404
    await third.request("POST", f"/conversations/{harry.username}/read", fields=fields)
    assert await gitau.unread() == 1
    assert message_ids(await third.get(f"/conversations/{harry.username}")) == []


@pytest.mark.parametrize("path", ["/conversations/{me}", "/conversations/nobody-here"])
async def test_with_oneself_and_with_nobody_there_is_none(people: People, path: str) -> None:
    (harry,) = await people("harry")
    assert (await harry.get(path.format(me=harry.username))).status == 404


@pytest.mark.parametrize(
    "query", ["before=x", "before=0", "after=-1", "around=", "around=99999999999999999999"]
)
async def test_what_is_no_message_number_is_refused(people: People, query: str) -> None:
    harry, gitau = await people("harry", "gitau")
    assert (await harry.get(f"/conversations/{gitau.username}?{query}")).status == 400


@pytest.mark.parametrize("ids", ["", "x", "1,", "1;2", ",".join(["1"] * 201)])
async def test_what_are_no_message_numbers_are_refused(people: People, ids: str) -> None:
    harry, gitau = await people("harry", "gitau")
    path = f"/conversations/{gitau.username}/read"
    assert (await harry.request("POST", path, fields={"ids": ids})).status == 400


async def test_older_messages_are_a_plain_link_away(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    for number in range(35):
        await harry.send(gitau, f"number {number}")
    path = f"/conversations/{harry.username}"
    # Where the unread begin: the oldest of them stands on the first page.
    first = await gitau.get(path)
    assert "number 0<" in first.text and "data-newer" in first.text
    assert await gitau.unread() == 5, "what the page did not show is not read"
    last = await gitau.get(path)
    assert "number 34<" in last.text
    assert await gitau.unread() == 0
    older = re.search(r'data-older href="([^"]+)"', last.text)
    assert older
    page = await gitau.get(older[1])
    assert "number 0<" in page.text and "number 34<" not in page.text
    part = await gitau.get(f"{older[1]}&part=messages")
    assert part.text.strip().startswith("<li") and message_ids(part) == message_ids(page)


async def test_people_and_messages_are_found(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await gitau.send(harry, "the zeppelin lands at noon")
    found = (await harry.get(f"/search?q={gitau.username}")).text
    assert f'href="/conversations/{gitau.username}#end"' in found
    found = (await harry.get("/search?q=zeppelin")).text
    assert "lands at noon" in found and "around=" in found
    answer = await harry.request("GET", f"/people?q={gitau.username}", headers=JSON)
    assert answer.json == [{"username": gitau.username}]
    assert "example.org" not in (await harry.get(f"/people?q={gitau.username}")).text
    (third,) = await people("third")
    assert "lands at noon" not in (await third.get("/search?q=zeppelin")).text
