"""Who is told what of whom: presence, seen marks and typing, and that nothing of it is stored."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import func, select, update

from notifier import discretion, presence, seen, sign_ins, typing_signal, whereabouts
from notifier.discretion import Choices, What
from notifier.drafts import draft
from notifier.engine import Engine
from notifier.errors import NotFound, TooMany
from notifier.models import Message, Notification, Presence, User
from notifier.presence import State
from notifier.signed_in import SignedIn
from notifier.subscriber import Subscriber
from notifier.whereabouts import Said
from tests.event_source import EventSource
from tests.integration.conftest import StartEngine, add_people, both, signed_in
from tests.patience import until
from tests.processes import RedisServer

HIDES_ALL = Choices(shows_seen=False, shows_presence=False)
SHOWS_ALL = Choices(shows_seen=True, shows_presence=True)


class Page:
    """An open page of a person's in one process: the signals that reach it."""

    def __init__(self, engine: Engine, person_id: int) -> None:
        self._subscriber = Subscriber(person_id, 1, 10_000, lambda: None)
        self._source = EventSource()
        self._signals: list[tuple[str, Any]] = []
        self._engine = engine

    async def opened(self) -> Page:
        confirmed = self._engine.hub.join(self._subscriber)
        if confirmed is not None:
            await confirmed
        self._subscriber.begin_catch_up()
        assert self._subscriber.caught_up(10_000, complete=True)
        return self

    @property
    def signals(self) -> list[tuple[str, Any]]:
        for one in self._subscriber.take():
            (got,) = self._source.feed(one)
            assert "sequence" not in got.notification
            self._signals.append((got.name, got.payload))
        return self._signals

    async def hears(self, name: str, count: int = 1) -> Any:
        """The payload of the newest of `count` signals of that name."""
        payloads: list[Any] = []

        def enough() -> bool:
            payloads[:] = [payload for got, payload in self.signals if got == name]
            return len(payloads) >= count

        await until(enough, f"{count} signals {name}")
        assert len(payloads) == count
        return payloads[-1]


async def conversing(engine: Engine) -> tuple[SignedIn, SignedIn]:
    """Harry and gitau, who have written to each other."""
    for person_id in await add_people(engine.database, "harry", "gitau"):
        await signed_in(engine, person_id)
    harry, gitau = [await signed_in(engine, number) for number in await ids(engine)]
    await engine.sending.send(draft(harry.person_id, "harry", "gitau", "hello"))
    return harry, gitau


async def ids(engine: Engine) -> list[int]:
    async with engine.database.read() as connection:
        found = await connection.scalars(select(User.id).order_by(User.id))
        return list(found)


async def shown(engine: Engine, told: SignedIn, about: SignedIn) -> State | None:
    async with engine.database.read() as connection:
        found = await presence.of(connection, told.person_id, about.person_id)
    return None if found is None else found.state


async def says(engine: Engine, who: SignedIn, state: State) -> None:
    await engine.whereabouts.note(Said(who, state))


@both
async def test_what_a_browser_says_is_shown_and_told(engine: Engine) -> None:
    harry, gitau = await conversing(engine)
    page = await Page(engine, gitau.person_id).opened()
    assert await shown(engine, gitau, harry) is State.GONE
    await says(engine, harry, State.HERE)
    assert await shown(engine, gitau, harry) is State.HERE
    told = await page.hears("presence")
    assert (told["person"], told["state"]) == ("harry", "here")
    assert abs(told["last_seen_at"] - time.time()) < 60
    await says(engine, harry, State.HERE)
    await says(engine, harry, State.AWAY)
    assert await shown(engine, gitau, harry) is State.AWAY
    assert (await page.hears("presence", 2))["state"] == "away", "a beat alone tells nobody"
    async with engine.database.read() as connection:
        (among,) = await presence.among(connection, gitau.person_id, ["HARRY", "nobody"])
    assert (among.person, among.state) == ("harry", State.AWAY)


@both
async def test_whoever_looks_at_one_device_is_here_whatever_the_others_say(engine: Engine) -> None:
    harry, gitau = await conversing(engine)
    phone = await signed_in(engine, harry.person_id)
    await says(engine, harry, State.HERE)
    await says(engine, phone, State.AWAY)
    assert await shown(engine, gitau, harry) is State.HERE
    async with engine.database.write() as connection:
        await sign_ins.end_all(connection, harry.person_id)
    assert await shown(engine, gitau, harry) is State.GONE, "what is said goes with its sign-in"
    await says(engine, harry, State.AWAY)
    async with engine.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(Presence)) == 0


async def test_nobody_is_here_for_ever_when_the_process_that_knew_is_gone(
    engine: Engine, start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    harry, gitau = await conversing(engine)
    other_process = await start_engine()
    await says(other_process, harry, State.HERE)
    assert await shown(engine, gitau, harry) is State.HERE
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + whereabouts.HERE_SECONDS)
    assert await shown(engine, gitau, harry) is State.GONE
    async with engine.database.read() as connection:
        found = await presence.of(connection, gitau.person_id, harry.person_id)
    assert found is not None and found.last_seen_at is not None
    assert found.last_seen_at < time.time() - whereabouts.HERE_SECONDS / 2


@both
async def test_who_hides_it_is_not_shown_and_is_shown_nobody(engine: Engine) -> None:
    harry, gitau = await conversing(engine)
    page = await Page(engine, gitau.person_id).opened()
    await says(engine, harry, State.HERE)
    await says(engine, gitau, State.HERE)
    assert (await page.hears("presence"))["state"] == "here", "the precondition"
    await engine.whereabouts.chosen(harry, HIDES_ALL)
    hidden = {"person": "harry", "state": "hidden", "last_seen_at": None}
    assert await page.hears("presence", 2) == hidden
    assert await shown(engine, gitau, harry) is None
    assert await shown(engine, harry, gitau) is None, "fair both ways"
    async with engine.database.read() as connection:
        assert await presence.among(connection, gitau.person_id, ["harry"]) == []
    await says(engine, harry, State.AWAY)
    assert await page.hears("presence", 3) == hidden, "nor by a change"
    await engine.whereabouts.chosen(harry, SHOWS_ALL)
    assert (await page.hears("presence", 4))["state"] == "away"


async def test_beats_that_come_together_are_written_together(engine: Engine) -> None:
    names = [f"person{number}" for number in range(40)]
    people = [await signed_in(engine, one) for one in await add_people(engine.database, *names)]
    before = engine.database.queries
    await asyncio.gather(*(says(engine, who, State.HERE) for who in people))
    # One transaction; then for each who came the question whom to tell.
    assert engine.database.queries - before <= len(people) + 12
    before = engine.database.queries
    assert not any(engine.whereabouts.is_news(Said(who, State.HERE)) for who in people)
    assert engine.database.queries == before
    assert engine.whereabouts.is_news(Said(people[0], State.AWAY))


@both
async def test_what_was_read_is_told_to_its_sender(engine: Engine) -> None:
    harry, gitau = await conversing(engine)
    sent = [
        (await engine.sending.send(draft(harry.person_id, "harry", "gitau", text))).id
        for text in ("one", "two", "three")
    ]
    page = await Page(engine, harry.person_id).opened()
    elsewhere = await Page(engine, gitau.person_id).opened()
    await seen.tell(engine, gitau.person_id, sent)
    async with engine.database.write() as connection:
        await connection.execute(
            update(Message).where(Message.id.in_(sent[::2])).values(read_at=1.0)
        )
    await seen.tell(engine, gitau.person_id, sent)
    told = await page.hears("seen")
    assert told == {"by": "gitau", "up_to": sent[2], "ids": sent[::2]}, "what is read, no more"
    await seen.tell(engine, harry.person_id, sent)
    assert elsewhere.signals == [], "nobody can claim to have read what was not for them"


@both
@pytest.mark.parametrize("who_hides", ["reader", "sender"])
async def test_who_shows_no_seen_marks_gives_and_gets_none(engine: Engine, who_hides: str) -> None:
    harry, gitau = await conversing(engine)
    page = await Page(engine, harry.person_id).opened()
    async with engine.database.write() as connection:
        await connection.execute(update(Message).values(read_at=1.0))
    async with engine.database.read() as connection:
        assert await seen.is_shown(connection, harry.person_id, gitau.person_id)
        message_ids = list(await connection.scalars(select(Message.id)))
    await seen.tell(engine, gitau.person_id, message_ids)
    await page.hears("seen")
    await discretion.choose(
        engine.database, (gitau if who_hides == "reader" else harry).person_id, HIDES_ALL
    )
    await seen.tell(engine, gitau.person_id, message_ids)
    async with engine.database.read() as connection:
        assert not await seen.is_shown(connection, harry.person_id, gitau.person_id)
    await page.hears("seen", 1)


@both
async def test_typing_is_told_once_in_a_while_and_to_nobody_else(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    harry, gitau = await conversing(engine)
    hers, his = [await Page(engine, who.person_id).opened() for who in (gitau, harry)]
    writes = (await state_of(engine)), engine.database.queries
    await engine.typing.tell(harry, "GITAU")
    assert await hers.hears("typing") == {"from": "harry"}
    with pytest.raises(TooMany):
        await engine.typing.tell(harry, "gitau")
    await engine.typing.tell(gitau, "harry")
    assert await his.hears("typing") == {"from": "gitau"}
    for nobody in ("harry", "nobody"):
        with pytest.raises(NotFound):
            await engine.typing.tell(harry, nobody)
    assert await state_of(engine) == writes[0], "nothing is stored"
    monkeypatch.setattr(typing_signal, "PAUSE_SECONDS", 0.0)
    await engine.typing.tell(harry, "gitau")
    await hers.hears("typing", 2)


async def state_of(engine: Engine) -> list[tuple[int, int]]:
    """Every person's newest sequence, and how many notifications there are."""
    async with engine.database.read() as connection:
        rows = await connection.execute(select(User.id, User.last_sequence).order_by(User.id))
        stored = await connection.scalar(select(func.count()).select_from(Notification)) or 0
        return [*((row.id, row.last_sequence) for row in rows), (0, stored)]


async def test_signals_cross_from_one_process_to_another(
    start_engine: StartEngine, redis: RedisServer
) -> None:
    settings = {"redis_url": redis.url, "channel_prefix": "signals"}
    here, there = await start_engine(**settings), await start_engine(**settings)
    harry, gitau = await conversing(here)
    pages = [await Page(engine, gitau.person_id).opened() for engine in (here, there)]
    other = await Page(there, harry.person_id).opened()
    await here.signal(gitau.person_id, "typing", {"from": "harry"})
    for page in pages:
        assert await page.hears("typing") == {"from": "harry"}
    assert other.signals == []
    with pytest.raises(ValueError, match="bytes"):
        await here.signal(gitau.person_id, "typing", "x" * 10_000)


async def test_the_one_place_knows_every_kind(engine: Engine) -> None:
    harry, gitau = await conversing(engine)
    async with engine.database.read() as connection:
        for what in What:
            assert await discretion.is_told(connection, gitau.person_id, what, harry.person_id)
    await discretion.choose(engine.database, harry.person_id, HIDES_ALL)
    async with engine.database.read() as connection:
        assert await discretion.choices(connection, harry.person_id) == HIDES_ALL
        assert not await discretion.is_told(connection, gitau.person_id, What.SEEN, harry.person_id)
