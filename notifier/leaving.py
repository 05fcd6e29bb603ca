"""Deleting an account: everything of that person is gone, at once and for everybody.

Their posts, their messages and the answers to them go, for both sides of each conversation: a
conversation with nobody would be half of somebody's words. What other people's logs tell of them
goes too, and unread counts follow in the same transaction. Reports that they made stay for the
moderators, without a name and without their words. The name is free for anybody afterwards.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import CompoundSelect, delete, select, tuple_, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import sign_ins
from notifier.blocking import names, out_of_sight
from notifier.database import Database
from notifier.errors import Refused
from notifier.events import Event, Happened
from notifier.messages import UNREAD_COUNT, unread_counts
from notifier.models import Conversation, Message, Notification, Report, Tie, User
from notifier.notifications import store
from notifier.numbering import allot_all
from notifier.passwords import Passwords
from notifier.signed_in import SignedIn

# Well below SQLite's 32,766 parameters of one statement, at two a row.
AT_ONCE = 5_000


async def leave(
    database: Database, passwords: Passwords, who: SignedIn, password: str
) -> list[Happened]:
    """Delete the person; what to publish. Raises `Refused` for a wrong password."""
    async with database.read() as connection:
        password_hash = await connection.scalar(
            select(User.password_hash).where(User.id == who.person_id)
        )
    if not await passwords.check(password_hash, password):
        raise Refused("That is not your password.", field="password")
    async with database.write() as connection:
        return await remove(connection, who.person_id)


async def remove(connection: AsyncConnection, person_id: int) -> list[Happened]:
    """Delete a person in the caller's transaction; what to publish after its commit."""
    # In the order of the ids, as everybody who locks several people: no message of theirs comes
    # in between, and no count is wrong.
    locked = await connection.execute(
        select(User.id, User.username)
        .where((User.id == person_id) | User.id.in_(_others(person_id)))
        .order_by(User.id)
        .with_for_update()
    )
    others = {row.id: row.username for row in locked}
    username = others.pop(person_id, None)
    if username is None:
        return []
    unread = await connection.execute(
        select(Message.recipient_id)
        .where(Message.sender_id == person_id, Message.read_at.is_(None), ~Message.withheld)
        .distinct()
    )
    counted = sorted(unread.scalars())
    ended = await sign_ins.end_all(connection, person_id)
    await _forget(connection, person_id, username)
    await connection.execute(
        update(Report).where(Report.reporter_id == person_id).values(reason="")
    )
    await connection.execute(delete(User).where(User.id == person_id))
    # Words of theirs stand in open windows still.
    told = [out_of_sight(other) for other in others]
    return [*ended, *await _count_again(connection, counted), *told]


def _others(person_id: int) -> CompoundSelect[int]:
    """Everybody in whose log this person may stand; perhaps more than a query takes by number."""
    return union_all(
        select(Conversation.other_id).where(Conversation.person_id == person_id),
        select(Conversation.person_id).where(Conversation.other_id == person_id),
        select(Tie.other_id).where(Tie.person_id == person_id),
        select(Tie.person_id).where(Tie.other_id == person_id),
    )


async def _forget(connection: AsyncConnection, person_id: int, username: str) -> None:
    told: CompoundSelect[Any] = union_all(
        select(Message.recipient_id, Message.sequence).where(Message.sender_id == person_id),
        select(Message.sender_id, Message.sender_sequence).where(
            Message.recipient_id == person_id, Message.sender_sequence.is_not(None)
        ),
    )
    number = tuple_(Notification.recipient_id, Notification.sequence)
    await connection.execute(delete(Notification).where(number.in_(told)))
    # The rest by its payload: first roughly by the database, then exactly.
    rows = await connection.execute(
        select(Notification.recipient_id, Notification.sequence, Notification.payload).where(
            Notification.recipient_id.in_(_others(person_id)),
            Notification.payload.contains(f'"{username}"', autoescape=True),
        )
    )
    naming = [
        (row.recipient_id, row.sequence)
        for row in rows
        if names(orjson.loads(row.payload), username)
    ]
    for start in range(0, len(naming), AT_ONCE):
        some = naming[start : start + AT_ONCE]
        await connection.execute(delete(Notification).where(number.in_(some)))


async def _count_again(connection: AsyncConnection, people: list[int]) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(people), AT_ONCE):
        some = people[start : start + AT_ONCE]
        counts = await unread_counts(connection, some)
        taken = await allot_all(connection, dict.fromkeys(some, 1))
        events += [
            Event(one, taken[one].first, UNREAD_COUNT, counts[one], taken[one].timestamp)
            for one in some
        ]
    await store(connection, [], events, kept_most=0)
    return events
