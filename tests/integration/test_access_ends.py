"""A sign-in that is over opens nothing and hears nothing, at either door."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from tests.conftest import Guests
from tests.doors import DOOR_NAMES, Doors
from tests.integration.conftest import joined
from tests.person import PASSWORD, Person

NEW_PASSWORD = "another horse 10"


def elsewhere(person: Person) -> Person:
    """The same person in another browser."""
    return Person(person.port, person.username, person.password)


async def test_a_changed_password_ends_the_streams_of_all_others(
    doors: Doors, guests: Guests
) -> None:
    (harry,) = await guests("harry")
    other = elsewhere(harry)
    await other.sign_in()
    replayed = dict(other.cookies)
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(door.visitor(other).stream())
            for door in (doors.web, doors.gateway)
        ]
        answer = await harry.submit(
            "/change-password",
            old_password=PASSWORD,
            password=NEW_PASSWORD,
            confirm_password=NEW_PASSWORD,
        )
        assert answer.status == 303, answer.text
        for stream in streams:
            await stream.named("signed_out")
            await stream.end()
    other.cookies = replayed
    for door in (doors.web, doors.gateway):
        assert (await door.visitor(other).get("/stream")).status == 401
        assert (await door.visitor(harry).request("HEAD", "/stream")).status == 200, (
            "who changed it"
        )
    assert (await elsewhere(harry).sign_in()).status == 401, "the old password"


async def test_signing_out_leaves_the_persons_other_browser_alone(
    doors: Doors, guests: Guests
) -> None:
    harry, gitau = await guests("harry", "gitau")
    other = elsewhere(harry)
    await other.sign_in()
    async with (
        doors.web.visitor(other).stream() as web,
        doors.gateway.visitor(other).stream() as gateway,
    ):
        await harry.sign_out()
        await gitau.send(harry, "still here?")
        for stream in (web, gateway):
            await stream.count(1)
            assert not stream.ended


async def test_who_is_deleted_hears_no_more(hasty: Doors) -> None:
    gone = await joined(hasty, "gone")
    async with (
        hasty.web.visitor(gone).stream() as web,
        hasty.gateway.visitor(gone).stream() as gateway,
    ):
        await hasty.server.sql("""DELETE FROM "user" WHERE username = 'gone'""")
        # Nobody rang: reconcile finds out.
        for stream in (web, gateway):
            await stream.named("signed_out")
            await stream.end()
    for door in (hasty.web, hasty.gateway):
        assert (await door.visitor(gone).get("/stream")).status == 401
    assert (await gone.get("/messages")).location.startswith("/login")


async def test_a_planted_cookie_is_not_the_one_that_signs_in(doors: Doors, guests: Guests) -> None:
    harry, gitau = await guests("harry", "gitau")
    planted = dict(gitau.cookies)
    victim = elsewhere(harry)
    victim.cookies = dict(planted)
    # Who is signed in already is led on from the form, so a form of another window is sent.
    fields = {"username": victim.username, "password": PASSWORD}
    assert (await victim.request("POST", "/login", fields=fields)).status == 303
    assert victim.cookies["notifier"] != planted["notifier"]
    gitau.cookies = planted
    assert (await gitau.get("/notifications")).status == 401, "and the planted one is over"


async def test_a_cookie_in_quotes_or_twice_is_read_alike_at_both_doors(
    doors: Doors, guests: Guests
) -> None:
    (harry,) = await guests("harry")
    token = harry.cookies["notifier"]
    for header, status in (
        (f'notifier="{token}"', 200),
        (f"other=1;notifier={token};x", 200),
        (f"notifier={token}; notifier=forged", 200),
        (f"notifier=forged; notifier={token}", 401),
        (f"notifier; notifier={token}", 401),
        (f"Notifier={token}", 401),
        (f"notifier={token}x", 401),
        (f"notifier={token[:-6]}", 401),
        ("notifier=", 401),
    ):
        for door in (doors.web, doors.gateway):
            stranger = door.visitor(harry)
            stranger.cookies = {}
            answer = await stranger.request("HEAD", "/stream", headers={"Cookie": header})
            assert answer.status == status, (door.name, header)


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_one_address_has_so_many_streams_and_no_more(
    hasty: Doors, lodger: Person, name: str
) -> None:
    neighbour = await joined(hasty, f"neighbour-{name}")
    door = hasty.named(name)
    async with (
        door.visitor(lodger).stream() as first,
        door.visitor(lodger).stream(),
        door.visitor(neighbour).stream(),
    ):
        await door.streams(3)
        async with door.visitor(neighbour).stream() as refused:
            await refused.named("too_many")
            await refused.end()
        forged = door.visitor(neighbour)
        answer = await forged.get("/stream", X_Forwarded_For="203.0.113.9")
        assert "too_many" in answer.text, "an address that is made up is not believed"
        assert not first.ended
    await door.streams(0)
    async with door.visitor(neighbour).stream():
        await door.streams(1)


@pytest.mark.parametrize("name", DOOR_NAMES)
async def test_an_address_that_opens_all_at_once_gets_no_more_either(
    hasty: Doors, name: str
) -> None:
    door = hasty.named(name)
    people = [await joined(hasty, f"{who}-{name}") for who in ("ann", "ben", "cleo")]
    async with AsyncExitStack() as stack:
        streams = await asyncio.gather(
            *(stack.enter_async_context(door.visitor(person).stream()) for person in people * 2)
        )
        for stream in streams:
            await stream.event(lambda event: event.name in {"ping", "too_many"})
        told = Counter(stream.events[0].name for stream in streams)
    assert told == {"ping": 3, "too_many": 3}
    await door.streams(0)
    async with door.visitor(people[0]).stream() as again:
        await again.named("ping")
