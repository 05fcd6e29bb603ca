"""What happens to stored messages: the recipient reads them, the sender deletes them.

Both are told to every device that shows them, by events of the same transaction. It must never
leave the words of a deleted message anywhere: not in the log, not in the search.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import notifications
from notifier.conversations import find_last_again, unread_by_person
from notifier.database import Database
from notifier.errors import NotFound
from notifier.events import Event
from notifier.messages import UNREAD_COUNT, unread_count
from notifier.models import AnyRow, DeletedMessage, Message, Notification, User
from notifier.numbering import allot_all

# State: the newest one replaces the older, for the unread count says the rest.
READ = "conversation_read"
# Kept: each is about another message.
DELETED = "message_deleted"
# More than any screen shows at once.
READ_MOST = 200


async def read(
    database: Database, person_id: int, other: AnyRow, message_ids: Sequence[int]
) -> list[Event]:
    """Mark messages of the other's as read by their recipient; the events to publish.

    Only these, for what was scrolled past is not read. With nothing unread among them this
    writes nothing.
    """
    unread_ones = (
        Message.recipient_id == person_id,
        Message.sender_id == other.id,
        ~Message.withheld,
    )
    wanted = (*unread_ones, Message.id.in_(message_ids[:READ_MOST]), Message.read_at.is_(None))
    async with database.read() as connection:
        if await connection.scalar(select(Message.id).where(*wanted).limit(1)) is None:
            return []
    async with database.write() as connection:
        taken = await notifications.allot(connection, person_id, 2)
        marked = await connection.execute(
            update(Message).where(*wanted).values(read_at=time.time()).returning(Message.id)
        )
        ids = marked.scalars().all()
        left = await unread_by_person(connection, person_id, [other.id])
        payload = {
            "with": other.username,
            "up_to": max(ids, default=0),
            "unread": left.get(other.id, 0),
        }
        count = await unread_count(connection, person_id)
        events = [
            Event(person_id, taken.first, READ, payload, taken.timestamp),
            Event(person_id, taken.first + 1, UNREAD_COUNT, count, taken.timestamp),
        ]
        await notifications.store(connection, [], events, kept_most=0)
        return events


async def delete_sent(
    database: Database, sender_id: int, message_id: int, *, kept_most: int
) -> tuple[str, list[Event]]:
    """Delete a message of one's own; its recipient's name and the events to publish.

    Raises `NotFound` for another person's message and for one that is gone.
    """
    async with database.write() as connection:
        message = await _own(connection, sender_id, message_id)
        # Both rows are locked first; what another transaction did meanwhile is seen after it.
        taken = await allot_all(connection, {sender_id: 1, message.recipient_id: 2})
        message = await _own(connection, sender_id, message_id)
        await connection.execute(delete(Message).where(Message.id == message_id))
        await _forget(connection, message)
        await find_last_again(connection, sender_id, message.recipient_id)
        mine, theirs = taken[sender_id], taken[message.recipient_id]
        told = [
            Event(sender_id, mine.first, DELETED, _gone(message, message.recipient), mine.timestamp)
        ]
        # Who has blocked the sender hears nothing of it, as of the message itself.
        if not message.withheld:
            gone = _gone(message, message.sender)
            told.append(Event(message.recipient_id, theirs.first, DELETED, gone, theirs.timestamp))
        count = await unread_count(connection, message.recipient_id)
        state = Event(message.recipient_id, theirs.first + 1, UNREAD_COUNT, count, theirs.timestamp)
        await notifications.store(connection, told, [state], kept_most=kept_most)
        return message.recipient, [*told, state]


def _gone(message: AnyRow, other: str) -> dict[str, object]:
    return {"id": message.id, "with": other}


async def _own(connection: AsyncConnection, sender_id: int, message_id: int) -> AnyRow:
    sender, recipient = User.__table__.alias(), User.__table__.alias()
    result = await connection.execute(
        select(
            Message.id,
            Message.sender_id,
            Message.recipient_id,
            Message.sequence,
            Message.sender_sequence,
            Message.idempotency_hash,
            Message.withheld,
            sender.c.username.label("sender"),
            recipient.c.username.label("recipient"),
        )
        .join(sender, sender.c.id == Message.sender_id)
        .join(recipient, recipient.c.id == Message.recipient_id)
        .where(Message.id == message_id, Message.sender_id == sender_id)
    )
    row = result.one_or_none()
    if row is None:
        raise NotFound("There is no such message of yours.")
    return row


async def _forget(connection: AsyncConnection, message: AnyRow) -> None:
    """Take the words out of both people's logs, which leaves a hole and no gap."""
    told = (Notification.recipient_id == message.recipient_id) & (
        Notification.sequence == message.sequence
    )
    if message.sender_sequence is not None:
        told = or_(
            told,
            (Notification.recipient_id == message.sender_id)
            & (Notification.sequence == message.sender_sequence),
        )
    await connection.execute(delete(Notification).where(told))
    if message.idempotency_hash:
        await connection.execute(
            insert(DeletedMessage).values(
                sender_id=message.sender_id, idempotency_hash=message.idempotency_hash
            )
        )
