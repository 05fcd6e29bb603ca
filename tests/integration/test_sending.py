"""Sending and reading: counts that are right whoever else writes, and a send that happens once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text

from notifier.bus_messages import from_bus
from notifier.drafts import Draft, Sent, draft
from notifier.engine import Engine
from notifier.errors import NotFound, Refused, Unavailable
from notifier.events import Ended, Event
from notifier.messages import (
    MESSAGE,
    MESSAGE_SENT,
    UNREAD_COUNT,
    open_inbox,
    sent_box,
    unread_count,
)
from notifier.models import Message, User
from notifier.storing import store_messages
from tests import on_the_bus
from tests.integration import many_sends
from tests.integration.conftest import StartEngine, add_people, both, together
from tests.patience import until

CHECKOUT = Path(__file__).parents[2]
# Besides the test's own process.
PROCESSES = 2
SENDS = 10
SECONDS_MOST = 60


class Published:
    """What an engine has published, as another process would read it."""

    def __init__(self, engine: Engine) -> None:
        self.events: list[Event] = []
        self._carry_on = engine.bus.publish
        engine.bus.publish = self._publish  # type: ignore[method-assign]

    def _publish(self, recipient_id: int, message: bytes) -> None:
        self.events += on_the_bus.events(recipient_id, from_bus(recipient_id, message))
        self._carry_on(recipient_id, message)

    def of(self, person_id: int) -> list[Event]:
        theirs = [event for event in self.events if event.recipient_id == person_id]
        return sorted(theirs, key=lambda event: event.sequence)


class Harry:
    """Somebody who sends."""

    def __init__(self, engine: Engine, person_id: int, name: str = "harry") -> None:
        self._engine, self.id, self._name = engine, person_id, name

    def draft(self, recipient: str, body: str, key: str | None = None) -> Draft:
        return draft(self.id, self._name, recipient, body, key)

    async def send(self, recipient: str, body: str, key: str | None = None) -> Sent:
        return await self._engine.sending.send(self.draft(recipient, body, key))


@pytest.fixture
async def people(engine: Engine) -> tuple[Harry, int]:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    return Harry(engine, harry), gitau


async def stored(engine: Engine) -> int:
    async with engine.database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(Message)) or 0)


async def unread(engine: Engine, person_id: int) -> int:
    async with engine.database.read() as connection:
        return await unread_count(connection, person_id)


def counts_are_right(events: Sequence[Event]) -> None:
    """Every number once, and each count is what had been sent and not read by then."""
    assert [event.sequence for event in events] == [*range(1, len(events) + 1)]
    so_far = 0
    for event in events:
        if event.name == MESSAGE:
            so_far += 1
        elif event.name == MESSAGE_SENT:
            continue
        elif event.payload == 0:
            so_far = 0
        else:
            assert event.payload == so_far, "a count tells what was sent before it"


# -- many at once ----------------------------------------------------------------------------


async def test_a_send_is_a_message_and_then_a_count(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people
    published = Published(engine)
    sent = await harry.send("Gitau", "  hello\r\nyou ")
    message, count = published.of(gitau)
    assert message.recipient_id == count.recipient_id == gitau
    assert message.payload == {
        "id": sent.id,
        "from": "harry",
        "body": "hello\nyou",
        "sent_at": sent.sent_at,
    }
    assert (message.name, message.sequence) == (MESSAGE, sent.sequence)
    assert (count.name, count.sequence, count.payload) == (UNREAD_COUNT, 2, 1)
    # The sender's other devices show what was sent from this one.
    (own,) = published.of(harry.id)
    assert (own.name, own.sequence) == (MESSAGE_SENT, 1)
    assert own.payload == {
        "id": sent.id,
        "to": "gitau",
        "body": "hello\nyou",
        "sent_at": sent.sent_at,
        "key": None,
    }


@both
async def test_counts_are_right_when_many_send_at_once(start_engine: StartEngine) -> None:
    """Two engines are two processes: what one writes the other has not seen yet."""
    engines = [await start_engine(), await start_engine()]
    names = ["ann", "ben", "cleo"]
    ids = await add_people(engines[0].database, *names)
    published = [Published(engine) for engine in engines]
    answers = await together(
        *(
            Harry(engine, sender, names[ids.index(sender)]).send(name, f"{number}")
            for number in range(6)
            # The second one's people are in another order: locks taken in it would be a ring.
            for engine, order in zip(engines, (names, names[::-1]), strict=True)
            for sender in ids
            for name in order
            if name != names[ids.index(sender)]
        )
    )
    assert {type(answer) for answer in answers} == {Sent}
    for person_id in ids:
        theirs = sorted(
            (event for one in published for event in one.of(person_id)),
            key=lambda event: event.sequence,
        )
        counts_are_right(theirs)
        assert await unread(engines[0], person_id) == theirs[-1].payload == 24


async def test_counts_are_right_when_several_processes_send_at_once(
    engine: Engine, database_url: str
) -> None:
    names = ["gitau", "zoe"]
    gitau, zoe = await add_people(engine.database, *names)
    senders = await add_people(engine.database, *(f"sender{n}" for n in range(PROCESSES)))
    (ann,) = await add_people(engine.database, "ann")
    published = Published(engine)
    async with several_processes(database_url, senders, ",".join(names)) as said:
        for number in range(SENDS):
            await together(*(Harry(engine, ann, "ann").send(name, f"{number}") for name in names))
    for person_id in (gitau, zoe):
        theirs = [Event(*line) for line in said if line[0] == person_id] + published.of(person_id)
        counts_are_right(sorted(theirs, key=lambda event: event.sequence))
        assert await unread(engine, person_id) == (PROCESSES + 1) * SENDS


@asynccontextmanager
async def several_processes(
    url: str, senders: list[int], recipients: str
) -> AsyncIterator[list[Any]]:
    """They begin to send when the block does; what they published is there when it has ended."""
    said: list[Any] = []
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", many_sends.__name__, url, str(sender), recipients, str(SENDS)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=CHECKOUT,
        )
        for sender in senders
    ]
    async with asyncio.timeout(SECONDS_MOST):
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        ending = asyncio.gather(*(process.communicate(b"go\n") for process in processes))
        yield said
        outputs = await ending
    assert [process.returncode for process in processes] == [0] * len(processes)
    said += [json.loads(line) for output, _ in outputs for line in output.splitlines()]


# -- once --------------------------------------------------------------------------------------


async def test_a_repeated_key_is_answered_with_the_first_send(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people
    published = Published(engine)
    first = await harry.send("gitau", "hello", "key")
    assert await harry.send("GITAU", " hello ", "key") == first
    assert await stored(engine) == 1
    assert len(published.of(gitau)) == 2, "nobody is told twice"
    assert await harry.send("gitau", "hello", "another key") != first


async def test_a_repeated_key_of_one_batch_is_answered_with_the_first_send(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, _ = people
    await add_people(engine.database, "zoe")
    first, again, other_text, other_person, no_key = await together(
        harry.send("gitau", "hello", "key"),
        harry.send("gitau", "hello", "key"),
        harry.send("gitau", "something else", "key"),
        harry.send("zoe", "hello", "key"),
        harry.send("gitau", "hello"),
    )
    assert isinstance(first, Sent) and again == first
    for refused in (other_text, other_person):
        assert isinstance(refused, Refused) and refused.status == 422
    assert isinstance(no_key, Sent)
    assert await stored(engine) == 2


@pytest.mark.parametrize(("recipient", "body"), [("gitau", "something else"), ("zoe", "hello")])
async def test_a_key_that_was_used_for_another_message_is_refused(
    engine: Engine, people: tuple[Harry, int], recipient: str, body: str
) -> None:
    harry, _ = people
    await add_people(engine.database, "zoe")
    await harry.send("gitau", "hello", "key")
    with pytest.raises(Refused, match="used for another message") as caught:
        await harry.send(recipient, body, "key")
    assert caught.value.status == 422
    assert await stored(engine) == 1


async def test_a_key_is_its_senders_own(engine: Engine, people: tuple[Harry, int]) -> None:
    harry, _ = people
    (ann,) = await add_people(engine.database, "ann")
    first = await harry.send("gitau", "hello", "key")
    assert await Harry(engine, ann, "ann").send("gitau", "hello", "key") != first


@both
async def test_one_key_in_two_processes_at_once_is_sent_once(start_engine: StartEngine) -> None:
    engines = [await start_engine() for _ in range(4)]
    harry, _ = await add_people(engines[0].database, "harry", "gitau")
    for key in ("one", "two", "three"):
        answers = await together(
            *(Harry(engine, harry).send("gitau", "hello", key) for engine in engines)
        )
        assert {type(answer) for answer in answers} == {Sent}
        assert len(set(answers)) == 1
    assert await stored(engines[0]) == 3


# -- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["harry", "HARRY", " harry "])
def test_nobody_writes_to_themselves(name: str) -> None:
    with pytest.raises(Refused, match="to yourself"):
        draft(1, "harry", name, "hello")


def test_a_key_beyond_its_length_is_refused_and_an_odd_one_is_not() -> None:
    with pytest.raises(Refused, match="too long"):
        draft(1, "harry", "gitau", "hello", "k" * 256)
    assert draft(1, "harry", "gitau", "hello", "\ud800 ключ").idempotency_hash


async def test_nobody_of_that_name_is_not_found_and_disturbs_nobody(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people
    lost, sent = await together(harry.send("nobody", "hello"), harry.send("gitau", "hello"))
    assert isinstance(lost, NotFound)
    assert isinstance(sent, Sent)
    assert await unread(engine, gitau) == 1


async def test_one_that_cannot_be_stored_fails_alone(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people
    (ghost,) = await add_people(engine.database, "ghost")
    async with engine.database.write() as connection:
        await connection.execute(delete(User).where(User.id == ghost))
    published = Published(engine)
    answers = await together(
        harry.send("gitau", "one"),
        Harry(engine, ghost, "ghost").send("gitau", "from nobody"),
        harry.send("gitau", "two"),
    )
    assert [isinstance(answer, Sent) for answer in answers] == [True, False, True]
    assert await stored(engine) == await unread(engine, gitau) == 2
    counts_are_right(published.of(gitau))


@pytest.mark.sqlite
async def test_a_locked_database_is_unavailable_and_stores_nothing(
    start_engine: StartEngine, database_url: str
) -> None:
    engine = await start_engine(database_timeout_seconds=0.2)
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    published = Published(engine)
    other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        await Harry(engine, harry).send("gitau", "hello")
    assert (caught.value.status, caught.value.retry_after) == (503, 2)
    assert published.events == []
    other.execute("ROLLBACK")
    other.close()
    await Harry(engine, harry).send("gitau", "hello")
    assert await unread(engine, gitau) == 1


async def test_a_fault_in_publishing_never_makes_a_stored_message_look_unsent(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people

    def fails(recipient_id: int, message: bytes) -> None:
        raise RuntimeError("a bus with a fault of ours")

    engine.bus.publish = fails  # type: ignore[method-assign]
    sent = await harry.send("gitau", "hello")
    assert isinstance(sent, Sent)
    assert await stored(engine) == await unread(engine, gitau) == 1


@pytest.mark.sqlite
async def test_it_is_published_only_once_it_is_committed(
    engine: Engine, people: tuple[Harry, int], database_url: str
) -> None:
    harry, _ = people
    seen: list[int] = []

    def look(recipient_id: int, message: bytes) -> None:
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as other:
            seen.extend(other.execute("SELECT count(*) FROM message").fetchone())
        other.close()

    engine.bus.publish = look  # type: ignore[method-assign]
    await harry.send("gitau", "hello")
    assert set(seen) == {1}


async def test_what_happened_to_several_is_published_to_each(engine: Engine) -> None:
    published = Published(engine)
    events = [Event(1, 1, "a", 1, 1.0), Event(2, 7, "a", 1, 1.0), Event(1, 2, "b", 1, 1.0)]
    engine.publish([*events, Ended(3, (9,))])
    assert published.of(1) == [events[0], events[2]]
    assert published.of(2) == [events[1]]


# -- reading -----------------------------------------------------------------------------------


async def test_the_inbox_marks_what_it_shows_and_tells_the_count(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people
    for number in range(3):
        await harry.send("gitau", f"message {number}")
    looked = await open_inbox(engine.database, gitau, 1, 2, mark=False)
    assert (looked.unread, looked.events, looked.cursor) == (3, [], 6)
    opened = await open_inbox(engine.database, gitau, 1, 2, mark=True)
    assert [row.body for row in opened.page.items] == ["message 2", "message 1"]
    assert [row.read_at for row in opened.page.items] == [None, None], "as it was before this look"
    assert (opened.unread, opened.cursor) == (0, 7)
    assert [(e.sequence, e.payload) for e in opened.events] == [(7, 0)]
    again = await open_inbox(engine.database, gitau, 1, 2, mark=True)
    assert (again.unread, again.events, again.cursor) == (0, [], 7), "nothing to do writes nothing"


@both
async def test_a_message_that_comes_while_the_inbox_is_read_stays_unread(
    start_engine: StartEngine,
) -> None:
    engine, other = await start_engine(), await start_engine()
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    published, shown = Published(other), set[int]()

    async def send_all() -> None:
        for number in range(60):
            await Harry(other, harry).send("gitau", f"message {number}")

    sending = asyncio.create_task(send_all())
    told: list[Event] = []
    while not sending.done():
        inbox = await open_inbox(engine.database, gitau, 1, 1_000, mark=True)
        shown |= {row.id for row in inbox.page.items}
        told += inbox.events
    await sending
    assert told, "the precondition: something was marked"
    async with engine.database.read() as connection:
        rows = await connection.execute(select(Message.id).where(Message.read_at.is_(None)))
        never_marked = set(rows.scalars())
        everything = set((await connection.execute(select(Message.id))).scalars())
    assert never_marked == everything - shown, "marked is what stood on a page, and nothing else"
    events = sorted([*published.of(gitau), *told], key=lambda event: event.sequence)
    counts_are_right(events)
    assert await unread(engine, gitau) == events[-1].payload == len(never_marked)


async def test_everybody_sees_only_what_is_theirs(
    engine: Engine, people: tuple[Harry, int]
) -> None:
    harry, gitau = people
    (ann,) = await add_people(engine.database, "ann")
    await harry.send("gitau", "for gitau")
    await Harry(engine, ann, "ann").send("gitau", "from ann")
    async with engine.database.read() as connection:
        box = await sent_box(connection, harry.id, 1, 10)
    assert [row.body for row in box.items] == ["for gitau"]
    inbox = await open_inbox(engine.database, gitau, 1, 10, mark=False)
    assert [(row.sender, row.body) for row in inbox.page.items] == [
        ("ann", "from ann"),
        ("harry", "for gitau"),
    ]
    assert (await open_inbox(engine.database, ann, 1, 10, mark=True)).page.items == []


# -- where only PostgreSQL lets two writers meet -------------------------------------------------

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def waits_for_a_lock(engine: Engine) -> bool:
    async with engine.database.read() as connection:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(await connection.scalar(waiting))


@on_postgresql
async def test_the_inbox_is_read_under_the_lock_under_which_it_is_marked(
    start_engine: StartEngine,
) -> None:
    engine, other = await start_engine(), await start_engine()
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await Harry(engine, harry).send("gitau", "first")
    async with other.database.write() as connection:
        drafts = [Harry(other, harry).draft("gitau", "second")]
        await store_messages(connection, drafts, kept_most=1_000)
        opening = asyncio.create_task(open_inbox(engine.database, gitau, 1, 10, mark=True))
        await until(lambda: waits_for_a_lock(other), "the inbox waits for the sender")
    inbox = await opening
    assert [row.body for row in inbox.page.items] == ["second", "first"]
    assert inbox.unread == await unread(engine, gitau) == 0


@on_postgresql
async def test_who_writes_to_several_locks_them_in_the_order_of_their_ids(
    start_engine: StartEngine,
) -> None:
    """So two who write to the same people never wait for each other in a ring."""
    engine, other = await start_engine(), await start_engine()
    harry, ann, ben = await add_people(engine.database, "harry", "ann", "ben")
    locked = select(User.id).with_for_update(nowait=True)
    async with other.database.write() as connection:
        await connection.execute(locked.where(User.id == ann))
        sending = [
            asyncio.create_task(Harry(engine, harry).send(name, "hello")) for name in ("ben", "ann")
        ]
        await until(lambda: waits_for_a_lock(other), "the sender waits for ann")
        # This would fail if the sender held ben while it waits.
        await connection.execute(locked.where(User.id == ben))
    assert {type(answer) for answer in await together(*sending)} == {Sent}
