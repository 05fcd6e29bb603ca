"""The log: numbers without gaps, states that replace, pruning, and reading by every cursor."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import notifications
from notifier.database import Database
from notifier.engine import DAY_SECONDS, PRUNE_PEOPLE, Engine
from notifier.events import SEQUENCE_MAX, Event
from notifier.models import Notification, User
from notifier.notifications import BACKLOG_ROWS, Backlog, New, ReadFrom, backlogs, record
from tests.integration.conftest import StartEngine, add_people, both, together
from tests.unit.test_sse import payloads

KEPT_MOST = 1_000
HOUR_SECONDS = 3_600


@pytest.fixture
async def gitau(engine: Engine) -> int:
    (person_id,) = await add_people(engine.database, "gitau")
    return person_id


async def told(
    database: Database, person_id: int, *news: New, kept_most: int = KEPT_MOST
) -> list[Event]:
    async with database.write() as connection:
        return await record(connection, person_id, news, kept_most=kept_most)


async def read(database: Database, person_id: int, cursor: int | None) -> Backlog:
    async with database.read() as connection:
        (backlog,) = await backlogs(connection, [ReadFrom(person_id, cursor)])
    return backlog


async def pruned_to(connection: AsyncConnection, person_id: int) -> int:
    found = await connection.scalar(select(User.pruned_sequence).where(User.id == person_id))
    assert found is not None
    return int(found)


def progress(percent: int) -> New:
    return New("export_progress", percent)


def note(text: str) -> New:
    return New("note", text, kept=True)


def heard(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.sequence, event.name) for event in events]


# -- numbers ---------------------------------------------------------------------------------


async def test_numbers_begin_at_one_and_are_each_persons_own(engine: Engine) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    assert heard(await told(engine.database, harry, note("a"), note("b"))) == [
        (1, "note"),
        (2, "note"),
    ]
    assert heard(await told(engine.database, gitau, note("c"))) == [(1, "note")]
    assert heard(await told(engine.database, harry, note("d"))) == [(3, "note")]


@both
async def test_numbers_of_many_writers_at_once_have_no_gap(start_engine: StartEngine) -> None:
    """Two processes' worth of connections, and a reader who must never miss a number."""
    one, two = await start_engine(), await start_engine()
    (gitau,) = await add_people(one.database, "gitau")
    writing = [
        asyncio.create_task(told(engine.database, gitau, note("a"), note("b")))
        for _ in range(20)
        for engine in (one, two)
    ]
    read_so_far: list[int] = []
    while not all(task.done() for task in writing):
        last = read_so_far[-1] if read_so_far else 0
        backlog = await read(one.database, gitau, last)
        read_so_far += [event.sequence for event in backlog.events]
    written = await asyncio.gather(*writing)
    backlog = await read(one.database, gitau, read_so_far[-1] if read_so_far else 0)
    read_so_far += [event.sequence for event in backlog.events]
    assert sorted(event.sequence for events in written for event in events) == [*range(1, 81)]
    assert read_so_far == [*range(1, 81)], "a reader who follows sees each one, in order"


async def test_what_is_rolled_back_was_never_numbered(engine: Engine, gitau: int) -> None:
    with pytest.raises(RuntimeError):
        async with engine.database.write() as connection:
            await record(connection, gitau, [note("never")], kept_most=KEPT_MOST)
            raise RuntimeError("after all")
    assert heard(await told(engine.database, gitau, note("first"))) == [(1, "note")]
    assert heard((await read(engine.database, gitau, 0)).events) == [(1, "note")]


@both
async def test_writers_who_are_cut_off_leave_no_lock_and_no_gap(start_engine: StartEngine) -> None:
    engine = await start_engine()
    (gitau,) = await add_people(engine.database, "gitau")
    for turns in range(60):
        task = asyncio.create_task(told(engine.database, gitau, note("cut off or not")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await together(task)
    events = await told(engine.database, gitau, note("last"))
    backlog = await read(engine.database, gitau, 0)
    assert [event.sequence for event in backlog.events] == [*range(1, events[0].sequence + 1)]


async def test_a_bad_name_or_nobody_is_refused_and_nothing_is_stored(
    engine: Engine, gitau: int
) -> None:
    with pytest.raises(ValueError, match="is no name"):
        await told(engine.database, gitau, note("good"), New("a\nb", 1))
    with pytest.raises(LookupError):
        await told(engine.database, gitau + 99, note("to nobody"))
    assert (await read(engine.database, gitau, 0)).cursor == 0


# -- time ------------------------------------------------------------------------------------


async def test_timestamps_never_go_backwards_whatever_the_clock_does(
    engine: Engine, gitau: int
) -> None:
    stamps = []
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as clock:
        for jump in (0, 10, -HOUR_SECONDS, 1, 2 * HOUR_SECONDS, -HOUR_SECONDS):
            clock.shift(jump)
            (event,) = await told(engine.database, gitau, note("x"))
            stamps.append(event.timestamp)
    assert stamps == sorted(stamps)
    assert stamps[0] < stamps[1] == stamps[2] == stamps[3] < stamps[4] == stamps[5]
    async with engine.database.read() as connection:
        for seen, stamp in enumerate(stamps, 1):
            found = await notifications.since(connection, gitau, stamp)
            missed = {*range(seen + 1, len(stamps) + 1)} - {event.sequence for event in found}
            assert not missed, "who asks since the last time they saw gets everything after it"


async def test_two_of_one_timestamp_are_both_found(engine: Engine, gitau: int) -> None:
    events = await told(engine.database, gitau, note("one"), note("two"), progress(1))
    assert len({event.timestamp for event in events}) == 1
    async with engine.database.read() as connection:
        found = await notifications.since(connection, gitau, events[0].timestamp)
        assert heard(found) == heard(events)
        assert await notifications.since(connection, gitau, events[0].timestamp + 1e-3) == []
        assert heard(await notifications.after(connection, gitau, 1)) == heard(events[1:])


@pytest.mark.parametrize(
    ("cursor", "first"), [(-1, 1), (-(10**30), 1), (0, 1), (2, 3), (3, None), (10**30, None)]
)
async def test_after_takes_any_number(
    engine: Engine, gitau: int, cursor: int, first: int | None
) -> None:
    await told(engine.database, gitau, note("a"), note("b"), note("c"))
    async with engine.database.read() as connection:
        found = await notifications.after(connection, gitau, cursor)
    assert (found[0].sequence if found else None) == first


@pytest.mark.parametrize("timestamp", [float("inf"), float("-inf"), 1e308, -1e308])
async def test_since_takes_any_time(engine: Engine, gitau: int, timestamp: float) -> None:
    await told(engine.database, gitau, note("a"))
    async with engine.database.read() as connection:
        found = await notifications.since(connection, gitau, timestamp)
    assert len(found) == (1 if timestamp < 0 else 0)


# -- rows ------------------------------------------------------------------------------------


async def test_state_replaces_the_older_of_its_name_and_kept_rows_stay(
    engine: Engine, gitau: int
) -> None:
    news = [note("a"), progress(1), New("other_state", 1), note("b"), progress(2), progress(3)]
    for new in news:
        await told(engine.database, gitau, new)
    backlog = await read(engine.database, gitau, 0)
    assert heard(backlog.events) == [
        (1, "note"),
        (3, "other_state"),
        (4, "note"),
        (6, "export_progress"),
    ]
    assert (backlog.cursor, backlog.complete, backlog.reset) == (6, True, False)
    present = await read(engine.database, gitau, None)
    assert heard(present.events) == [(3, "other_state"), (6, "export_progress")]
    assert (present.cursor, present.complete) == (6, True)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payload=payloads)
async def test_a_payload_is_read_as_it_was_recorded(
    engine: Engine, gitau: int, payload: Any
) -> None:
    (event,) = await told(engine.database, gitau, New("anything", payload))
    backlog = await read(engine.database, gitau, event.sequence - 1)
    assert [stored.json for stored in backlog.events] == [event.json]
    assert [stored.frame for stored in backlog.events] == [event.frame]


async def test_a_long_backlog_is_read_in_parts(engine: Engine, gitau: int) -> None:
    total = 2 * BACKLOG_ROWS + 7
    await told(engine.database, gitau, *(note(str(number)) for number in range(total)))
    cursor, parts, seen = 0, [], []
    for _ in range(9):
        backlog = await read(engine.database, gitau, cursor)
        parts.append(len(backlog.events))
        seen += [event.sequence for event in backlog.events]
        cursor = backlog.cursor
        if backlog.complete:
            break
    assert parts == [BACKLOG_ROWS, BACKLOG_ROWS, 7]
    assert seen == [*range(1, total + 1)]


async def test_a_backlog_that_just_fits_ends(engine: Engine, gitau: int) -> None:
    await told(engine.database, gitau, *(note(str(number)) for number in range(BACKLOG_ROWS)))
    backlog = await read(engine.database, gitau, 0)
    assert len(backlog.events) == backlog.cursor == BACKLOG_ROWS
    rest = await read(engine.database, gitau, backlog.cursor)
    assert (rest.events, rest.complete, rest.reset) == ([], True, False)


async def test_many_are_answered_together_each_with_their_own(engine: Engine) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await told(engine.database, harry, note("a"), progress(5))
    await told(engine.database, gitau, note("b"))
    wanted = [(gitau, 0), (harry, 1), (harry, None), (harry, 2), (gitau + 99, 4), (gitau, 9)]
    async with engine.database.read() as connection:
        answers = await backlogs(connection, [ReadFrom(*one) for one in wanted])
    assert [heard(answer.events) for answer in answers] == [
        [(1, "note")],
        [(2, "export_progress")],
        [(2, "export_progress")],
        [],
        [],
        [],
    ]
    assert [answer.reset for answer in answers] == [False] * 5 + [True]
    assert all(answer.complete for answer in answers)


@both
async def test_one_read_sees_one_moment(start_engine: StartEngine) -> None:
    engine = await start_engine()
    (gitau,) = await add_people(engine.database, "gitau")
    await told(engine.database, gitau, note("before"))
    async with engine.database.read() as connection:
        assert await notifications.last_sequence(connection, gitau) == 1
        await told(engine.database, gitau, note("after"))
        (backlog,) = await backlogs(connection, [ReadFrom(gitau, 0)])
        assert (heard(backlog.events), backlog.cursor) == ([(1, "note")], 1)
    assert (await read(engine.database, gitau, 1)).cursor == 2


# -- pruning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cursor", [-1, SEQUENCE_MAX, 2])
async def test_a_cursor_that_is_not_of_this_log_gets_a_reset(
    engine: Engine, gitau: int, cursor: int
) -> None:
    await told(engine.database, gitau, note("a"))
    backlog = await read(engine.database, gitau, cursor)
    assert (backlog.reset, backlog.events) == (True, [])


async def test_beyond_their_number_the_oldest_kept_rows_go(engine: Engine, gitau: int) -> None:
    for number in range(300):
        await told(engine.database, gitau, note(str(number)), kept_most=10)
    async with engine.database.read() as connection:
        pruned = await pruned_to(connection, gitau)
        left = await notifications.after(connection, gitau, 0)
    assert 10 <= len(left) <= 10 + notifications.PRUNE_EVERY_EVENTS
    assert [event.sequence for event in left] == [*range(pruned + 1, 301)]
    assert (await read(engine.database, gitau, pruned - 1)).reset, "it has missed one for good"
    resumed = await read(engine.database, gitau, pruned)
    assert not resumed.reset and len(resumed.events) == len(left)


async def test_beyond_their_age_kept_rows_go_and_state_stays(start_engine: StartEngine) -> None:
    engine = await start_engine(kept_days=30)
    many = [f"person{number}" for number in range(PRUNE_PEOPLE // 2)]
    people = await add_people(engine.database, *many)
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as clock:
        for person_id in people:
            await told(engine.database, person_id, progress(1), note("a"), note("b"), note("c"))
        clock.shift(29 * DAY_SECONDS)
        await told(engine.database, people[0], note("young"))
        clock.shift(2 * DAY_SECONDS)
        await engine.prune()
    async with engine.database.read() as connection:
        rows = (await connection.execute(select(Notification.name))).scalars().all()
        assert sorted(rows) == sorted(["note", *["export_progress"] * len(people)])
        assert {await pruned_to(connection, person_id) for person_id in people} == {4}
    assert (await read(engine.database, people[0], 3)).reset
    assert heard((await read(engine.database, people[0], 4)).events) == [(5, "note")]
    assert heard((await read(engine.database, people[0], None)).events) == [(1, "export_progress")]


async def test_somebody_who_is_gone_takes_their_log_along(engine: Engine, gitau: int) -> None:
    await told(engine.database, gitau, note("a"))
    async with engine.database.write() as connection:
        await connection.execute(delete(User).where(User.id == gitau))
    async with engine.database.read() as connection:
        assert (await connection.execute(select(Notification.sequence))).all() == []
    assert (await read(engine.database, gitau, 1)).complete
