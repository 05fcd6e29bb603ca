"""Blocks, mutes and limits, from both sides: in the tables, and in what each of the two is told."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import blocking, conversations, discretion, message_changes, notifications, safety
from notifier import presence as near
from notifier.discretion import What
from notifier.drafts import Sent, draft
from notifier.engine import Engine
from notifier.errors import Forbidden, NotFound, Refused
from notifier.events import Event, Happened, Signal
from notifier.messages import open_inbox, sent_box, unread_count
from notifier.models import Message, Tie, User
from notifier.search import messages as find_messages
from notifier.search import people as find_people
from tests.integration.conftest import StartEngine, add_people, both, signed_in, together

Change = Callable[[AsyncConnection, int, str], Awaitable[Sequence[Happened]]]


@dataclass
class Two:
    """Harry, and Gitau who has reason to be left alone."""

    engine: Engine
    harry: int
    gitau: int

    async def send(self, text: str, *, back: bool = False, key: str | None = None) -> Sent:
        """Harry to Gitau, or `back`."""
        sender, name, to = (
            (self.gitau, "gitau", "harry") if back else (self.harry, "harry", "gitau")
        )
        return await self.engine.sending.send(draft(sender, name, to, text, key))

    async def gitau_does(self, change: Change, to: str = "harry") -> None:
        async with self.engine.database.write() as connection:
            events = await change(connection, self.gitau, to)
        self.engine.publish(events)

    async def let_write(self, who: str) -> None:
        async with self.engine.database.write() as connection:
            await safety.set_who_may_write(connection, self.gitau, who)

    async def unread(self) -> int:
        async with self.engine.database.read() as connection:
            return await unread_count(connection, self.gitau)

    async def told(self, person_id: int) -> list[Event]:
        async with self.engine.database.read() as connection:
            return await notifications.after(connection, person_id, 0)

    async def inbox(self) -> list[str]:
        shown = await open_inbox(self.engine.database, self.gitau, 1, 20, mark=False)
        return [row.body for row in shown.page.items]


@pytest.fixture
async def two(engine: Engine) -> Two:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    return Two(engine, harry, gitau)


def words(events: list[Event]) -> str:
    return " ".join(bytes(event.json).decode() for event in events)


# -- blocking ----------------------------------------------------------------------------------


async def test_who_is_blocked_gets_the_same_answer_and_sees_the_message_as_sent(two: Two) -> None:
    before = await two.send("before")
    await two.gitau_does(blocking.block)
    first, second = await two.send("one"), await two.send("two")
    assert before.id < first.id < second.id
    assert before.sequence < first.sequence < second.sequence, "as anybody's numbers grow"
    assert second.sequence - first.sequence == 2, "by as much as anybody's: message and count"
    async with two.engine.database.read() as connection:
        sent = await sent_box(connection, two.harry, 1, 20)
        window = await conversations.newest(connection, two.harry, two.gitau)
        listed = await conversations.lines(connection, two.harry)
        found = await find_messages(connection, two.harry, "two")
    assert [row.body for row in sent.items] == ["two", "one", "before"]
    assert [row.body for row in window.items] == ["before", "one", "two"]
    assert [line.body for line in listed.items] == ["two"]
    assert [row.body for row in found.items] == ["two"]
    told = await two.told(two.harry)
    assert [event.name for event in told] == ["message_sent"] * 3


async def test_a_repeat_of_a_withheld_send_returns_the_first_one(two: Two) -> None:
    await two.gitau_does(blocking.block)
    assert await two.send("one", key="k") == await two.send("one", key="k")


async def test_who_has_blocked_sees_nothing_of_the_other(two: Two) -> None:
    await two.send("secret word one")
    await two.send("my answer", back=True)
    assert await two.inbox() == ["secret word one"] and await two.unread() == 1
    assert "secret" in words(await two.told(two.gitau)), "the precondition: it was told"

    await two.gitau_does(blocking.block)
    await two.send("secret word two")
    assert await two.inbox() == [] and await two.unread() == 0
    told = await two.told(two.gitau)
    assert "secret" not in words(told) and "harry" not in words(told)
    assert told[-1].name == "unread_message_count" and b'"data":0,' in told[-1].json
    async with two.engine.database.read() as connection:
        assert (await sent_box(connection, two.gitau, 1, 20)).items == []
        assert (await conversations.lines(connection, two.gitau)).items == []
        assert (await find_messages(connection, two.gitau, "secret")).items == []
        assert (await find_messages(connection, two.gitau, "answer")).items == []
        assert await find_people(connection, two.gitau, "har") == []
        assert [row.username for row in await find_people(connection, two.harry, "git")] == [
            "gitau"
        ]
        assert await near.of(connection, two.gitau, two.harry) is None
        assert await near.of(connection, two.harry, two.gitau) is not None
        for what in What:
            assert not await discretion.is_told(connection, two.gitau, what, two.harry)
            assert await discretion.is_told(connection, two.harry, what, two.gitau)
        with pytest.raises(NotFound):
            await conversations.other_person(connection, two.gitau, "harry")
        assert (await conversations.other_person(connection, two.harry, "gitau")).id == two.gitau


async def test_who_has_blocked_somebody_does_not_write_to_them_by_mistake(two: Two) -> None:
    await two.gitau_does(blocking.block)
    with pytest.raises(Forbidden, match="You have blocked harry"):
        await two.send("hello", back=True)


async def test_a_lifted_block_brings_back_what_was_before_and_nothing_of_meanwhile(
    two: Two,
) -> None:
    await two.send("before")
    await two.gitau_does(blocking.block)
    await two.send("meanwhile")
    await two.gitau_does(blocking.unblock)
    assert await two.inbox() == ["before"] and await two.unread() == 1
    await two.send("after")
    assert await two.inbox() == ["after", "before"]
    assert "after" in words(await two.told(two.gitau))
    async with two.engine.database.read() as connection:
        listed = await conversations.lines(connection, two.gitau)
    assert [line.body for line in listed.items] == ["after"]


async def test_blocking_twice_is_blocking_once(two: Two) -> None:
    await two.send("before")
    await two.gitau_does(blocking.block)
    await two.send("meanwhile")
    await two.gitau_does(blocking.block)
    await two.gitau_does(blocking.unblock)
    await two.gitau_does(blocking.unblock)
    assert await two.inbox() == ["before"]


async def test_deleting_a_withheld_message_tells_the_other_nothing(two: Two) -> None:
    await two.send("hello")
    await two.gitau_does(blocking.block)
    sent = await two.send("withheld")
    _, events = await message_changes.delete_sent(
        two.engine.database, two.harry, sent.id, kept_most=100
    )
    assert {(e.recipient_id, e.name) for e in events} == {
        (two.harry, "message_deleted"),
        (two.gitau, "unread_message_count"),
    }
    assert "harry" not in words(await two.told(two.gitau))


async def test_typing_of_who_is_blocked_arrives_nowhere_and_is_answered_as_ever(two: Two) -> None:
    heard: list[Signal] = []
    two.engine.typing._publish = heard.extend
    harry = await signed_in(two.engine, two.harry)
    await two.gitau_does(blocking.block)
    await two.engine.typing.tell(harry, "gitau")
    assert heard == []


async def test_nobody_blocks_themselves(two: Two) -> None:
    with pytest.raises(Refused, match="That is you"):
        await two.gitau_does(blocking.block, "gitau")


@both
async def test_a_message_that_races_a_block_is_never_left_in_sight(
    start_engine: StartEngine,
) -> None:
    """Two engines are two processes. Whichever is first: no word stands in the log afterwards."""
    engines = [await start_engine(), await start_engine()]
    harry, *targets = await add_people(
        engines[0].database, "harry", *(f"gitau{number}" for number in range(8))
    )

    async def block(person_id: int) -> None:
        async with engines[1].database.write() as connection:
            await blocking.block(connection, person_id, "harry")

    async def send(number: int) -> Sent:
        return await engines[0].sending.send(draft(harry, "harry", f"gitau{number}", "secret"))

    await together(*(one for number, to in enumerate(targets) for one in (send(number), block(to))))
    async with engines[0].database.read() as connection:
        for person_id in targets:
            assert "secret" not in words(await notifications.after(connection, person_id, 0))
        left = await connection.execute(select(Message.id).where(~Message.withheld))
        assert left.all() == []


# -- muting ------------------------------------------------------------------------------------


async def test_a_muted_person_arrives_without_ringing_or_counting(two: Two) -> None:
    await two.send("one")
    await two.gitau_does(blocking.mute)
    assert await two.unread() == 0, "what waited no longer counts"
    await two.send("two")
    assert await two.inbox() == ["two", "one"] and await two.unread() == 0
    told = await two.told(two.gitau)
    assert [e.name for e in told if "two" in words([e])] == ["quiet_message"]
    async with two.engine.database.read() as connection:
        unread = await conversations.unread_by_person(connection, two.gitau, [two.harry])
    assert unread == {two.harry: 2}, "the list still says that there is something new"

    await two.gitau_does(blocking.unmute)
    assert await two.unread() == 2
    await two.send("three")
    assert [e.name for e in await two.told(two.gitau) if "three" in words([e])] == ["message"]
    assert [event.name for event in await two.told(two.harry)] == ["message_sent"] * 3


# -- who may write -----------------------------------------------------------------------------


async def test_nobody_may_write_to_who_wants_it_so(two: Two) -> None:
    await two.let_write(safety.NOBODY)
    with pytest.raises(Forbidden, match="gitau takes no messages"):
        await two.send("hello")
    await two.send("I can", back=True)
    with pytest.raises(Forbidden):
        await two.send("not even in answer")
    assert await two.inbox() == []


async def test_people_one_has_written_to_may_write(two: Two) -> None:
    await two.let_write(safety.KNOWN)
    with pytest.raises(Forbidden, match="people they have written to"):
        await two.send("hello")
    sent = await two.send("hello you", back=True)
    await two.send("oh, thanks")
    assert await two.inbox() == ["oh, thanks"]
    await message_changes.delete_sent(two.engine.database, two.gitau, sent.id, kept_most=100)
    await two.send("still")
    await two.let_write(safety.EVERYONE)
    await two.send("and everybody")
    with pytest.raises(Refused, match="Choose"):
        await two.let_write("aliens")


async def test_a_block_is_not_told_by_what_everybody_else_is_told(two: Two) -> None:
    """Who may not write anyway is told so as ever; the block changes no word of it."""
    await two.let_write(safety.NOBODY)
    with pytest.raises(Forbidden) as open_refusal:
        await two.send("hello")
    await two.gitau_does(blocking.block)
    with pytest.raises(Forbidden) as blocked_refusal:
        await two.send("hello")
    assert str(open_refusal.value) == str(blocked_refusal.value)


# -- strangers ---------------------------------------------------------------------------------


async def test_only_so_many_strangers_a_day(start_engine: StartEngine) -> None:
    engine = await start_engine(strangers_per_day=2)
    harry, *_ = await add_people(engine.database, "harry", "ann", "ben", "cleo", "dora")
    rows = await together(
        *(engine.sending.send(draft(harry, "harry", to, "hi")) for to in ("ann", "ben", "cleo"))
    )
    assert sum(isinstance(row, Sent) for row in rows) == 2, "in one transaction as well"
    (refused,) = [row for row in rows if isinstance(row, Forbidden)]
    assert "many new people" in str(refused)
    with pytest.raises(Forbidden):
        await engine.sending.send(draft(harry, "harry", "dora", "hi"))
    await engine.sending.send(draft(harry, "harry", "ann", "who is known can be written to"))


async def test_answering_is_not_writing_to_a_stranger(start_engine: StartEngine) -> None:
    engine = await start_engine(strangers_per_day=1)
    harry, ann, ben, _ = await add_people(engine.database, "harry", "ann", "ben", "cleo")
    await engine.sending.send(draft(ann, "ann", "harry", "hello"))
    await engine.sending.send(draft(ben, "ben", "harry", "hello"))
    for to in ("ann", "ben", "cleo"):
        await engine.sending.send(draft(harry, "harry", to, "hi"))


async def test_the_day_passes(start_engine: StartEngine) -> None:
    engine = await start_engine(strangers_per_day=1)
    harry, *_ = await add_people(engine.database, "harry", "ann", "ben")
    await engine.sending.send(draft(harry, "harry", "ann", "hi"))
    with pytest.raises(Forbidden):
        await engine.sending.send(draft(harry, "harry", "ben", "hi"))
    async with engine.database.write() as connection:
        await connection.execute(update(Tie).values(wrote_at=time.time() - 86_401))
    await engine.sending.send(draft(harry, "harry", "ben", "hi"))


async def test_a_send_between_people_who_know_each_other_asks_one_query_more(two: Two) -> None:
    await two.send("first")
    await two.send("back", back=True)
    before = two.engine.database.queries
    await two.send("usual")
    usual = two.engine.database.queries - before
    await two.gitau_does(blocking.block)
    before = two.engine.database.queries
    await two.send("withheld")
    assert two.engine.database.queries - before == usual, "as much work as any other"


async def test_the_one_who_asks_is_the_only_one_who_knows(two: Two) -> None:
    await two.gitau_does(blocking.block)
    async with two.engine.database.read() as connection:
        assert await blocking.blocked_people(connection, two.harry) == []
        (row,) = await blocking.blocked_people(connection, two.gitau)
        assert await connection.scalar(select(User.who_may_write)) == "everyone"
    assert row.username == "harry" and row.blocked_at


@both
async def test_who_was_suspended_while_a_request_was_under_way_stores_nothing(two: Two) -> None:
    async with two.engine.database.write() as connection:
        await connection.execute(
            update(User).where(User.id == two.harry).values(suspended_at=time.time())
        )
    with pytest.raises(Forbidden):
        await two.send("one more word")
    assert await two.unread() == 0
    await two.send("What was that?", back=True)
