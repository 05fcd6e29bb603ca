"""The notification centre: what happened lately, what of it is unseen, what is unread.

It reads the log and keeps no second one: *seen* is a person's cursor in it, *read* a time on the
row. A message is read when its conversation shows it, or when it was followed from here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import bindparam, func, insert, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import names, notifications
from notifier.database import Database
from notifier.events import Event, check_name
from notifier.models import AnyRow, Centre, Message, Notification, User
from notifier.models.notifications import OTHERS
from notifier.names import MESSAGE, UNLISTED, UNSEEN_COUNT, Line

# What a panel shows, and a page of all.
PANEL_LINES = 12
# More than this is shown as "99+", so nobody counts further.
COUNT_MOST = 100


class Unseen(NamedTuple):
    """What the bell counts at `sequence`: unread messages and others that no panel has shown."""

    messages: int
    others: int
    sequence: int

    @property
    def payload(self) -> dict[str, int]:
        return {"messages": self.messages, "others": self.others}


class Listed(NamedTuple):
    """One line of the notification centre."""

    sequence: int
    name: str
    icon: str
    line: Line
    timestamp: float
    seen: bool
    read: bool


_SEEN_UP_TO = func.coalesce(
    select(Centre.seen_up_to).where(Centre.person_id == bindparam("person")).scalar_subquery(), 0
)


def _at_most(rows: Any) -> Any:
    return select(func.count()).select_from(rows.limit(COUNT_MOST).subquery()).scalar_subquery()


_UNSEEN = select(
    _at_most(
        select(literal(1)).where(
            Message.recipient_id == bindparam("person"),
            Message.read_at.is_(None),
            text("NOT withheld"),
            # Of people who are muted nothing counts.
            ~Message.quiet,
            Message.sequence > _SEEN_UP_TO,
        )
    ),
    _at_most(
        select(literal(1)).where(
            Notification.recipient_id == bindparam("person"),
            Notification.sequence > _SEEN_UP_TO,
            Notification.read_at.is_(None),
            text(OTHERS),
        )
    ),
    select(User.last_sequence).where(User.id == bindparam("person")).scalar_subquery(),
)


async def unseen(connection: AsyncConnection, person_id: int) -> Unseen:
    """What the bell shows, at the sequence of the same snapshot."""
    row = (await connection.execute(_UNSEEN, {"person": person_id})).one()
    return Unseen(row[0], row[1], row[2] or 0)


_LISTED = (
    select(
        Notification.sequence,
        Notification.name,
        Notification.payload,
        Notification.timestamp,
        Notification.read_at,
        _SEEN_UP_TO.label("seen_up_to"),
    )
    .where(
        Notification.recipient_id == bindparam("person"),
        Notification.sequence < bindparam("before"),
        Notification.sequence > bindparam("after"),
        Notification.name.not_in(sorted(UNLISTED)),
    )
    .order_by(Notification.sequence.desc())
)


async def lately(
    connection: AsyncConnection, person_id: int, *, before: int, after: int = 0, most: int
) -> list[Listed]:
    """What happened to a person, newest first: at most `most` between `after` and `before`."""
    rows = await connection.execute(
        _LISTED.limit(most), {"person": person_id, "before": before, "after": after}
    )
    return await _lines(connection, person_id, list(rows))


async def _lines(
    connection: AsyncConnection, person_id: int, rows: Sequence[AnyRow]
) -> list[Listed]:
    payloads = [orjson.loads(row.payload) for row in rows]
    ids = {
        payload["id"]
        for row, payload in zip(rows, payloads, strict=True)
        if row.name == MESSAGE and isinstance(payload, dict) and type(payload.get("id")) is int
    }
    read: dict[int, bool] = {}
    if ids:
        found = await connection.execute(
            select(Message.id, Message.read_at).where(
                Message.id.in_(ids), Message.recipient_id == person_id
            )
        )
        read = {row.id: row.read_at is not None for row in found}
    return [_listed(row, payload, read) for row, payload in zip(rows, payloads, strict=True)]


def _listed(row: AnyRow, payload: Any, read: dict[int, bool]) -> Listed:
    known = names.known(row.name)
    is_read = row.read_at is not None
    if row.name == MESSAGE:
        number = payload.get("id", 0) if isinstance(payload, dict) else 0
        # Its message is gone: nothing to read any more, and nothing to show.
        if number not in read:
            payload = None
        is_read = is_read or read.get(number, True)
    seen = row.sequence <= row.seen_up_to
    line = known.line(payload)
    return Listed(row.sequence, row.name, known.icon, line, row.timestamp, seen, is_read)


async def find(connection: AsyncConnection, person_id: int, sequence: int) -> Listed | None:
    """One notification of a person's; None when it is gone, or no line of the centre."""
    found = await lately(connection, person_id, before=sequence + 1, after=sequence - 1, most=1)
    return found[0] if found else None


async def tell(
    connection: AsyncConnection,
    person_id: int,
    name: str,
    payload: Any,
    *,
    kept: bool = True,
    kept_most: int,
) -> list[Event]:
    """Record a named notification for a person and count it in their bell.

    With `kept` it stays in the log; without, it replaces the one before of its name: a state,
    such as how far an export is. Publish the events that are returned after the commit. Raises
    `ValueError` for a bad name, `LookupError` when there is no such person.
    """
    if check_name(name) in UNLISTED or name == MESSAGE:
        raise ValueError(f"{name!r} is a name that Notifier itself uses")
    first, timestamp = await notifications.allot(connection, person_id, 2)
    event = Event(person_id, first, name, payload, timestamp)
    await notifications.store(
        connection, [event] if kept else [], [] if kept else [event], kept_most=kept_most
    )
    return [event, await _store_count(connection, person_id, first + 1, timestamp)]


async def _store_count(
    connection: AsyncConnection, person_id: int, sequence: int, timestamp: float
) -> Event:
    """The bell's count under a number that was allotted in this transaction."""
    counted = await unseen(connection, person_id)
    event = Event(person_id, sequence, UNSEEN_COUNT, counted.payload, timestamp)
    await notifications.store(connection, [], [event], kept_most=0)
    return event


async def mark_seen(database: Database, person_id: int, up_to: int) -> list[Event]:
    """The panel was open and showed all up to `up_to`; what to publish."""
    async with database.read() as connection:
        before = await unseen(connection, person_id)
    # Nothing that the bell counts: nobody has to be told.
    if not before.messages and not before.others:
        return []
    async with database.write() as connection:
        first, timestamp = await notifications.allot(connection, person_id, 1)
        await _move_seen(connection, person_id, min(up_to, first - 1))
        return [await _store_count(connection, person_id, first, timestamp)]


async def mark_read(database: Database, person_id: int, sequence: int | None) -> list[Event]:
    """A person read one notification, or with None all there are; what to publish."""
    async with database.write() as connection:
        first, timestamp = await notifications.allot(connection, person_id, 1)
        change = (
            update(Notification)
            .where(
                Notification.recipient_id == person_id,
                Notification.read_at.is_(None),
                Notification.name.not_in(sorted(UNLISTED)),
            )
            .values(read_at=time.time())
        )
        if sequence is None:
            await connection.execute(change)
            await _move_seen(connection, person_id, first - 1)
        else:
            await connection.execute(change.where(Notification.sequence == sequence))
        return [await _store_count(connection, person_id, first, timestamp)]


async def _move_seen(connection: AsyncConnection, person_id: int, up_to: int) -> None:
    """Forward only: an old page that is late shows nothing anew. The person's row is locked."""
    await ensure(connection, person_id)
    await connection.execute(
        update(Centre)
        .where(Centre.person_id == person_id, Centre.seen_up_to < up_to)
        .values(seen_up_to=up_to)
    )


async def ensure(connection: AsyncConnection, person_id: int) -> None:
    """Make the person's row where there is none; the caller holds the person's lock."""
    there = await connection.scalar(select(Centre.person_id).where(Centre.person_id == person_id))
    if there is None:
        await connection.execute(insert(Centre).values(person_id=person_id))
