"""The log: numbering, recording and reading notifications. `pruning.py` drops the oldest.

Every function takes a connection inside a transaction of its caller's. Whoever records must do
it in the transaction of the change that the events tell of, and publish only after its commit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import bindparam, case, select, text, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import pruning
from notifier.events import SEQUENCE_MAX, Event, check_name
from notifier.models import AnyRow, Notification, User
from notifier.one_of import ByDialect

# Rows of one catch-up read: enough that a usual absence takes one read, few enough that a
# thousand streams which catch up at once hold little memory.
BACKLOG_ROWS = 200
# How often, in events of one recipient, their log is looked at for pruning by count.
PRUNE_EVERY_EVENTS = 64


class New(NamedTuple):
    """An event to be recorded. `kept` ones stay in the log; others replace those of their name."""

    name: str
    payload: Any
    kept: bool = False


class Allotment(NamedTuple):
    """Numbers taken under the recipient's row lock: `first` to `first + n - 1`, at `timestamp`."""

    first: int
    timestamp: float


class ReadFrom(NamedTuple):
    """Where a stream's backlog begins: after `cursor`.

    A cursor of None asks for the present state instead, and for the kept events above `floor`:
    those that happened after the stream had begun.
    """

    recipient_id: int
    cursor: int | None
    floor: int = SEQUENCE_MAX


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a stream missed: `events` after its cursor, ascending, up to `cursor`.

    `complete` when there is no more; `reset` when the cursor cannot be resumed from (older than
    what was pruned, or from the future).
    """

    events: list[Event]
    cursor: int
    complete: bool
    reset: bool = False


_ALLOT = (
    update(User)
    .where(User.id == bindparam("recipient"))
    .values(
        last_sequence=User.last_sequence + bindparam("count"),
        # Never backwards, whatever the clock does: `?since=` reads by it.
        last_event_at=case(
            (User.last_event_at < bindparam("now"), bindparam("now")), else_=User.last_event_at
        ),
    )
    .returning(User.last_sequence, User.last_event_at)
)


async def allot(connection: AsyncConnection, recipient_id: int, count: int) -> Allotment:
    """Take `count` sequences and hold the recipient's row until the transaction ends.

    Because the lock is held until the commit, the order of sequences is the order of commits.
    Raises `LookupError` when there is no such person.
    """
    result = await connection.execute(
        _ALLOT, {"recipient": recipient_id, "count": count, "now": time.time()}
    )
    row = result.one_or_none()
    if row is None:
        raise LookupError(f"no person {recipient_id}")
    return Allotment(row.last_sequence - count + 1, row.last_event_at)


async def record(
    connection: AsyncConnection, recipient_id: int, news: Sequence[New], *, kept_most: int
) -> list[Event]:
    """Number and store `news` for one recipient; the events to publish after the commit.

    `kept_most` is how many kept rows of a recipient stay. Raises `ValueError` for a bad name.
    """
    for new in news:
        check_name(new.name)
    first, timestamp = await allot(connection, recipient_id, len(news))
    events = [
        Event(recipient_id, first + i, new.name, new.payload, timestamp)
        for i, new in enumerate(news)
    ]
    await store(
        connection,
        [event for event, new in zip(events, news, strict=True) if new.kept],
        [event for event, new in zip(events, news, strict=True) if not new.kept],
        kept_most=kept_most,
    )
    return events


async def store(
    connection: AsyncConnection, kept: list[Event], state: list[Event], *, kept_most: int
) -> None:
    """Store events whose sequences were allotted in this transaction.

    `kept` ones are added; each of `state` takes the place of the older row of its name. At
    most one of a recipient and name may be in `state`.
    """
    rows = [_row(event, True) for event in kept] + [_row(event, False) for event in state]
    if rows:
        # One statement for both: a kept row meets nothing in the index that only state is in.
        await connection.execute(_upsert(connection), rows)
    for event in kept:
        if event.sequence % PRUNE_EVERY_EVENTS < 2:
            await pruning.by_count(connection, event.recipient_id, kept_most)


def _row(event: Event, kept: bool) -> dict[str, Any]:
    return {
        "recipient_id": event.recipient_id,
        "sequence": event.sequence,
        "name": event.name,
        "payload": orjson.dumps(event.payload).decode(),
        "timestamp": event.timestamp,
        "kept": kept,
    }


# Written as the partial index has it, or neither database would use the index.
_IS_STATE = text("NOT kept")


def _upsert_for(dialect: Any) -> Any:
    statement = dialect.insert(Notification)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[Notification.recipient_id, Notification.name],
        index_where=_IS_STATE,
        set_={
            "sequence": new.sequence,
            "payload": new.payload,
            "timestamp": new.timestamp,
            # It is another one now, which nobody has read yet.
            "read_at": None,
        },
    )


_UPSERTS = {"sqlite": _upsert_for(sqlite), "postgresql": _upsert_for(postgresql)}


def _upsert(connection: AsyncConnection) -> Any:
    return _UPSERTS[connection.dialect.name]


_COLUMNS = (
    Notification.sequence,
    Notification.name,
    Notification.payload,
    Notification.timestamp,
)


def _event(recipient_id: int, row: AnyRow) -> Event:
    # The stored JSON goes out as it is: reading it only to write it again would be waste.
    return Event(recipient_id, row.sequence, row.name, orjson.Fragment(row.payload), row.timestamp)


# Two selects, for each has its index; together they are the present state and what came since.
_STATE = union_all(
    select(*_COLUMNS).where(Notification.recipient_id == bindparam("recipient"), _IS_STATE),
    select(*_COLUMNS).where(
        Notification.recipient_id == bindparam("recipient"),
        Notification.sequence > bindparam("floor"),
        Notification.kept,
    ),
).order_by("sequence")
_AFTER = (
    select(*_COLUMNS)
    .where(
        Notification.recipient_id == bindparam("recipient"),
        Notification.sequence > bindparam("cursor"),
    )
    .order_by(Notification.sequence)
)
_POSITIONS = ByDialect(
    lambda one_of: select(User.id, User.last_sequence, User.pruned_sequence).where(
        one_of(User.id, "ids")
    )
)


async def backlogs(connection: AsyncConnection, wanted: Sequence[ReadFrom]) -> list[Backlog]:
    """What each of `wanted` missed.

    One query tells everybody's position; only who is short costs another. A person who is gone
    gets an empty, complete backlog.
    """
    ids = {one.recipient_id for one in wanted}
    rows = await connection.execute(*_POSITIONS(connection.dialect.name, {"ids": ids}))
    positions = {row.id: row for row in rows}
    return [await _backlog(connection, one, positions.get(one.recipient_id)) for one in wanted]


async def _backlog(
    connection: AsyncConnection, wanted: ReadFrom, position: AnyRow | None
) -> Backlog:
    recipient_id, cursor, floor = wanted
    if position is None:
        return Backlog([], cursor or 0, complete=True)
    last = position.last_sequence
    if cursor is None:
        result = await connection.execute(_STATE, {"recipient": recipient_id, "floor": floor})
        return Backlog([_event(recipient_id, row) for row in result], last, complete=True)
    if cursor > last or cursor < position.pruned_sequence:
        return Backlog([], last, complete=True, reset=True)
    if cursor == last:
        return Backlog([], last, complete=True)
    result = await connection.execute(
        _AFTER.limit(BACKLOG_ROWS), {"recipient": recipient_id, "cursor": cursor}
    )
    events = [_event(recipient_id, row) for row in result]
    if len(events) == BACKLOG_ROWS:
        return Backlog(events, events[-1].sequence, complete=False)
    # Rows that were replaced leave holes; below `last` they are no gaps.
    return Backlog(events, last, complete=True)


async def after(connection: AsyncConnection, recipient_id: int, cursor: int) -> list[Event]:
    """The recipient's notifications with a sequence above `cursor`, ascending."""
    cursor = min(max(cursor, 0), SEQUENCE_MAX)
    rows = await connection.execute(_AFTER, {"recipient": recipient_id, "cursor": cursor})
    return [_event(recipient_id, row) for row in rows]


async def since(connection: AsyncConnection, recipient_id: int, timestamp: float) -> list[Event]:
    """The recipient's notifications at or after `timestamp`, ascending by sequence.

    At or after: events of one transaction share a timestamp, and a reader who asks with the one
    it saw last must still get the others. It tells repeats by their sequence.
    """
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(Notification.recipient_id == recipient_id, Notification.timestamp >= timestamp)
        .order_by(Notification.sequence)
    )
    return [_event(recipient_id, row) for row in rows]


async def last_sequence(connection: AsyncConnection, recipient_id: int) -> int:
    """The newest sequence of a person: the cursor that a page is rendered with."""
    result = await connection.execute(select(User.last_sequence).where(User.id == recipient_id))
    return result.scalar_one_or_none() or 0
