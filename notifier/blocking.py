"""Blocking and muting somebody, and taking it back.

What a block hides is hidden at once and completely: the messages are withheld, and what the log
tells of that person is dropped from it, so that no stream that catches up brings it again. Open
pages are told that somebody is out of sight, and ask which of those whom they show it is: no stream
may name them. What
was written while the block lasted never arrives, even when it is lifted: else the first moment
without it would bring all that it was for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import accounts
from notifier.errors import Refused
from notifier.events import Event, Happened, Signal
from notifier.messages import UNREAD_COUNT, unread_count
from notifier.models import AnyRow, Message, Notification, Tie, User
from notifier.notifications import Allotment, allot, store
from notifier.safety import find_tie, hidden_from, upsert_ties

# The signal that somebody is not to be seen any more.
OUT_OF_SIGHT = "out_of_sight"
# What in an event's payload names a person.
NAMING = ("from", "to", "with", "by", "person", "username")


async def block(connection: AsyncConnection, person_id: int, username: str) -> list[Happened]:
    """From now on a person neither sees nor hears that other one; what to publish."""
    other, taken = await _other(connection, person_id, username)
    tie = await find_tie(connection, person_id, other.id)
    if tie is None or tie.blocked_at is None:
        await _set(connection, person_id, other.id, blocked_at=time.time())
        await connection.execute(
            update(Message)
            .where(Message.sender_id == other.id, Message.recipient_id == person_id)
            .values(withheld=True, quiet=True)
        )
        await forget_in_log(connection, [person_id], other.id, other.username)
    return [*await _counted(connection, person_id, taken), out_of_sight(person_id)]


async def unblock(connection: AsyncConnection, person_id: int, username: str) -> list[Event]:
    """The other is seen again, with what they had written before the block."""
    other, taken = await _other(connection, person_id, username)
    tie = await find_tie(connection, person_id, other.id)
    if tie is not None and tie.blocked_at is not None:
        await _set(connection, person_id, other.id, blocked_at=None)
        await connection.execute(
            update(Message)
            .where(
                Message.sender_id == other.id,
                Message.recipient_id == person_id,
                Message.sent_at < tie.blocked_at,
            )
            .values(withheld=False, quiet=tie.muted_at is not None)
        )
    return await _counted(connection, person_id, taken)


async def mute(connection: AsyncConnection, person_id: int, username: str) -> list[Event]:
    """The other's messages arrive, but nothing rings and nothing counts."""
    return await _set_quiet(connection, person_id, username, time.time())


async def unmute(connection: AsyncConnection, person_id: int, username: str) -> list[Event]:
    return await _set_quiet(connection, person_id, username, None)


async def _set_quiet(
    connection: AsyncConnection, person_id: int, username: str, muted_at: float | None
) -> list[Event]:
    other, taken = await _other(connection, person_id, username)
    await _set(connection, person_id, other.id, muted_at=muted_at)
    await connection.execute(
        update(Message)
        .where(
            Message.sender_id == other.id,
            Message.recipient_id == person_id,
            Message.read_at.is_(None),
            ~Message.withheld,
        )
        .values(quiet=muted_at is not None)
    )
    return await _counted(connection, person_id, taken)


async def blocked_people(connection: AsyncConnection, person_id: int) -> list[AnyRow]:
    """Whom a person has blocked or muted, by name: `username, blocked_at, muted_at`."""
    rows = await connection.execute(
        select(User.username, Tie.blocked_at, Tie.muted_at)
        .join(User, User.id == Tie.other_id)
        .where(Tie.person_id == person_id, Tie.blocked_at.is_not(None) | Tie.muted_at.is_not(None))
        .order_by(User.username_key)
    )
    return list(rows)


def out_of_sight(person_id: int) -> Signal:
    """Tells a person's open pages that somebody whom they may show is not to be seen any more."""
    return Signal.make(person_id, OUT_OF_SIGHT, None, time.time())


async def in_sight(
    connection: AsyncConnection, person_id: int, usernames: Iterable[str]
) -> list[str]:
    """Those of the people named whom a person may see: neither blocked by them, nor gone."""
    keys = [accounts.username_key(name) for name in usernames]
    found = await connection.scalars(
        select(User.username).where(
            User.username_key.in_(keys), User.id.not_in(hidden_from(person_id))
        )
    )
    return list(found)


async def forget_in_log(
    connection: AsyncConnection, recipients: Iterable[int], other_id: int, username: str
) -> None:
    """Drop from the log of each of `recipients` what another's words or name stand in.

    That leaves holes in the sequences, as replaced notifications do; a stream knows those.
    """
    for recipient_id in recipients:
        theirs = select(Message.sequence).where(
            Message.recipient_id == recipient_id, Message.sender_id == other_id
        )
        rows = await connection.execute(
            select(Notification.sequence, Notification.payload).where(
                Notification.recipient_id == recipient_id, Notification.name != UNREAD_COUNT
            )
        )
        naming = [row.sequence for row in rows if names(orjson.loads(row.payload), username)]
        await connection.execute(
            delete(Notification).where(
                Notification.recipient_id == recipient_id,
                Notification.sequence.in_(theirs) | Notification.sequence.in_(naming),
            )
        )


def names(payload: object, username: str) -> bool:
    """Whether an event's payload names the person of that name."""
    return isinstance(payload, dict) and any(payload.get(key) == username for key in NAMING)


async def _other(
    connection: AsyncConnection, person_id: int, username: str
) -> tuple[AnyRow, Allotment]:
    """The other, and the person's lock: no message can come in between the look and the change."""
    other = await accounts.find_person(connection, username)
    if other.id == person_id:
        raise Refused("That is you.")
    return other, await allot(connection, person_id, 1)


async def _set(
    connection: AsyncConnection, person_id: int, other_id: int, **values: float | None
) -> None:
    row = {"person_id": person_id, "other_id": other_id, **values}
    await upsert_ties(connection, [row], *values)


async def _counted(connection: AsyncConnection, person_id: int, taken: Allotment) -> list[Event]:
    unread = await unread_count(connection, person_id)
    event = Event(person_id, taken.first, UNREAD_COUNT, unread, taken.timestamp)
    await store(connection, [], [event], kept_most=0)
    return [event]
