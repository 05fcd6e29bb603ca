"""Typing, presence and what a person shows of themselves, as pages ask for it."""

from __future__ import annotations

import time

import pytest

from notifier.typing_signal import PAUSE_SECONDS
from tests.conftest import Guests, People, Serve
from tests.doors import Door
from tests.person import Person, Stream
from tests.processes import RedisServer

JSON = {"Accept": "application/json"}


async def says(person: Person, state: str) -> int:
    return (await person.request("POST", "/presence", fields={"state": state})).status


async def told(person: Person, *about: Person) -> dict[str, str]:
    """How near each of those is, as far as `person` is told."""
    names = ",".join(one.username for one in about)
    answer = await person.get(f"/presence?people={names}")
    assert answer.status == 200, answer.text
    return {one["person"]: one["state"] for one in answer.json}


async def test_a_page_is_told_at_once_who_is_here(door: Door, guests: Guests) -> None:
    harry, gitau, stranger = await guests("harry", "gitau", "stranger")
    await harry.send(gitau, "hello")
    async with (
        door.visitor(gitau).stream(last_event_id=2) as stream,
        door.visitor(stranger).stream() as elsewhere,
    ):
        await door.streams(2)
        assert await says(harry, "here") == 204
        heard = await stream.named("presence")
        assert heard.payload["state"] == "here"
        assert heard.last_event_id in ("", "2"), "a signal moves no cursor"
        assert await told(gitau, harry, stranger) == {
            harry.username: "here",
            stranger.username: "gone",
        }
        assert await says(harry, "away") == 204
        await stream.event(lambda e: e.name == "presence" and e.payload["state"] == "away")
        # What comes after it has come, and nothing was between.
        await harry.send(stranger, "hello")
        await elsewhere.named("message")
        assert not [event for event in elsewhere.events if event.name == "presence"]


async def live(sender: Person, recipient: Person, *streams: Stream) -> None:
    """Signals are for streams that are live, and one that was told this is."""
    await sender.send(recipient, "Are you there?")
    for stream in streams:
        await stream.event(lambda e: e.name == "message" and "there?" in e.data)


async def test_typing_is_limited_for_each_pair(people: People) -> None:
    harry, gitau, third = await people("harry", "gitau", "third")
    path = f"/typing/{gitau.username}"
    async with gitau.stream() as stream:
        await live(third, gitau, stream)
        assert (await harry.request("POST", path)).status == 204
        again = await harry.request("POST", path)
        assert (again.status, dict(again.headers)["retry-after"]) == (429, "3")
        assert (await third.request("POST", path)).status == 204, "another pair"
        assert (await harry.request("POST", f"/typing/{third.username}")).status == 204
        await stream.event(lambda e: e.name == "typing" and e.payload["from"] == third.username)
        assert len([event for event in stream.events if event.name == "typing"]) == 2
    assert (await harry.request("POST", "/typing/nobody-at-all")).status == 404
    assert (await harry.request("POST", f"/typing/{harry.username}")).status == 404
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert (await harry.request("POST", path, headers=elsewhere)).status == 403


async def test_what_is_hidden_is_nowhere_to_be_seen(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await harry.send(gitau, "hello")
    assert await says(harry, "here") == 204
    assert await told(gitau, harry) == {harry.username: "here"}
    profile = f"/user/{harry.username}"
    for page in (profile, f"{profile}/popup"):
        assert "Here now" in (await gitau.get(page)).text, "the precondition"
    async with gitau.stream() as stream:
        await live(harry, gitau, stream)
        saved = await harry.request("POST", "/settings/presence", fields={"shows_seen": "yes"})
        assert (saved.status, saved.location) == (303, "/settings#presence")
        assert (await stream.named("presence")).payload["state"] == "hidden"
    settings = (await harry.get("/settings")).text
    assert 'name="shows_seen" value="yes" aria-describedby="shows-seen-help" checked' in settings
    assert 'aria-describedby="shows-presence-help">' in settings
    assert await told(gitau, harry) == {}
    assert await told(harry, gitau) == {}, "fair both ways"
    for page in (profile, f"{profile}/popup"):
        text = (await gitau.get(page)).text.casefold()
        assert "last seen" not in text
        assert "here now" not in text


@pytest.mark.parametrize("state", ["", "gone", "hidden", "HERE"])
async def test_only_two_things_can_be_said(people: People, state: str) -> None:
    (harry,) = await people("harry")
    assert await says(harry, state) == 400


async def test_a_question_names_so_many_people(people: People) -> None:
    (harry,) = await people("harry")
    names = ",".join(f"a{number}" for number in range(51))
    assert (await harry.get(f"/presence?people={names}")).status == 400
    assert (await harry.get("/presence")).json == []


async def test_a_signal_reaches_streams_in_every_worker(
    serve: Serve, people: People, redis: RedisServer
) -> None:
    settings = {"NOTIFIER_CHANNEL_PREFIX": "signals", "NOTIFIER_RATE_LIMITS": "on"}
    server = await serve("--workers", "2", REDIS_URL=redis.url, **settings)
    harry, gitau = await people("harry", "gitau", on=server)
    async with (
        gitau.stream() as one,
        gitau.stream() as two,
        gitau.stream() as three,
        gitau.stream() as four,
    ):
        await live(harry, gitau, one, two, three, four)
        path = f"/typing/{gitau.username}"
        began = time.monotonic()
        answers = [(await harry.request("POST", path)).status for _ in range(6)]
        most = 1 + (time.monotonic() - began) // PAUSE_SECONDS
        assert set(answers) == {204, 429}
        assert answers.count(204) <= most, "whichever worker is asked"
        for stream in (one, two, three, four):
            assert (await stream.named("typing")).payload == {"from": harry.username}


async def test_reading_tells_the_sender_in_the_inbox_and_in_the_conversation(
    people: People,
) -> None:
    harry, gitau = await people("harry", "gitau")
    first, second = [
        (await harry.request("POST", path, fields={"message": text}, headers=JSON)).json["id"]
        for path, text in ((f"/send_message/{gitau.username}", word) for word in ("one", "two"))
    ]
    async with harry.stream() as stream:
        await live(gitau, harry, stream)
        read = f"/conversations/{harry.username}/read"
        assert (await gitau.request("POST", read, fields={"ids": f"{first}"})).status in (200, 303)
        told = await stream.named("seen")
        assert told.payload == {"by": gitau.username, "up_to": first, "ids": [first]}
        await gitau.get("/messages")
        told = await stream.event(lambda e: e.name == "seen" and e.payload["ids"] == [second])
        assert told.payload["by"] == gitau.username
