"""Private messages: sending, the inbox and the sent box, reading.

`sending.py` stores them. What a person may see is decided in the query: every one of them names
the person who asks.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, Result, func, null, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from notifier.database import Database
from notifier.events import Event
from notifier.models import AnyRow, DeletedMessage, Message, User
from notifier.notifications import Allotment, allot, last_sequence, store
from notifier.one_of import ByDialect, PairsByDialect
from notifier.pages import Page, paged
from notifier.safety import hidden_from

MESSAGE_MAX_CHARACTERS = 140
UNREAD_COUNT = "unread_message_count"
MESSAGE = "message"
# The same of a person whom the recipient has muted.
QUIET_MESSAGE = "quiet_message"
# What the sender's own devices are told.
MESSAGE_SENT = "message_sent"


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox as a page shows it.

    `page` holds rows with `id, sender, body, sent_at, read_at` (as it was before this look);
    `unread` and `cursor` are of the same transaction; `events` are to be published.
    """

    page: Page
    unread: int
    cursor: int
    events: list[Event]


_Sender, _Recipient = aliased(User), aliased(User)
_COLUMNS = (
    Message.id,
    _Sender.username.label("sender"),
    _Recipient.username.label("recipient"),
    Message.body,
    Message.sent_at,
    Message.read_at,
)
_MESSAGES = (
    select(*_COLUMNS)
    .join(_Sender, _Sender.id == Message.sender_id)
    .join(_Recipient, _Recipient.id == Message.recipient_id)
    .order_by(Message.id.desc())
)


async def unread_count(connection: AsyncConnection, person_id: int) -> int:
    """How many messages a person has not read."""
    return (await unread_counts(connection, [person_id]))[person_id]


_UNREAD = ByDialect(
    lambda one_of: (
        select(Message.recipient_id, func.count())
        .where(
            one_of(Message.recipient_id, "people"),
            Message.read_at.is_(None),
            text("NOT withheld"),
            ~Message.quiet,
        )
        .group_by(Message.recipient_id)
    )
)


async def unread_counts(connection: AsyncConnection, person_ids: Sequence[int]) -> dict[int, int]:
    """The unread count of each of `person_ids`; those of muted people do not count."""
    rows = await connection.execute(*_UNREAD(connection.dialect.name, {"people": person_ids}))
    return dict.fromkeys(person_ids, 0) | {row[0]: row[1] for row in rows}


async def sent_box(connection: AsyncConnection, person_id: int, number: int, per_page: int) -> Page:
    """A page of what a person sent, newest first."""
    return await paged(
        connection,
        _MESSAGES.where(
            Message.sender_id == person_id, Message.recipient_id.not_in(hidden_from(person_id))
        ),
        number,
        per_page,
    )


async def open_inbox(
    database: Database, person_id: int, number: int, per_page: int, *, mark: bool
) -> Inbox:
    """The inbox, newest first, and with `mark` everything in it marked as read.

    What is marked is what was there when the page was read: a message that comes later stays
    unread. With nothing unread this writes nothing.
    """
    async with database.read() as connection:
        inbox = await _inbox(connection, person_id, number, per_page)
    # A page behind the last one shows nothing, so it marks nothing either.
    if not mark or not inbox.unread or not inbox.page.items:
        return inbox
    async with database.write() as connection:
        # The recipient's lock comes first: PostgreSQL would let a message in between the page
        # and the marking, and mark what the page never showed.
        taken = await allot(connection, person_id, 1)
        inbox = await _inbox(connection, person_id, number, per_page)
        event = await _mark_read(connection, person_id, taken)
        return Inbox(inbox.page, event.payload, event.sequence, [event])


async def _inbox(connection: AsyncConnection, person_id: int, number: int, per_page: int) -> Inbox:
    page = await paged(
        connection,
        _MESSAGES.where(Message.recipient_id == person_id, ~Message.withheld),
        number,
        per_page,
    )
    return Inbox(
        page,
        await unread_count(connection, person_id),
        await last_sequence(connection, person_id),
        [],
    )


async def _mark_read(connection: AsyncConnection, person_id: int, taken: Allotment) -> Event:
    """Mark as read all that a person has now; the new count, as the event whose number is taken.

    The caller holds the recipient's lock, so no message can come in between marking and counting.
    """
    await connection.execute(
        update(Message)
        .where(Message.recipient_id == person_id, Message.read_at.is_(None), text("NOT withheld"))
        .values(read_at=time.time())
    )
    unread = await unread_count(connection, person_id)
    event = Event(person_id, taken.first, UNREAD_COUNT, unread, taken.timestamp)
    await store(connection, [], [event], kept_most=0)
    return event


_SENT: PairsByDialect[CompoundSelect[*tuple[Any, ...]]] = PairsByDialect(
    lambda pair_of: union_all(
        select(
            Message.id,
            Message.sequence,
            Message.sent_at,
            Message.sender_id,
            Message.idempotency_hash,
            Message.recipient_id,
            Message.body,
        ).join(*pair_of(Message.sender_id, Message.idempotency_hash)),
        select(
            null(),
            null(),
            null(),
            DeletedMessage.sender_id,
            DeletedMessage.idempotency_hash,
            null(),
            null(),
        ).join(*pair_of(DeletedMessage.sender_id, DeletedMessage.idempotency_hash)),
    )
)


async def find_sent(
    connection: AsyncConnection, keys: Collection[tuple[int, str]]
) -> dict[tuple[int, str], AnyRow]:
    """Messages already stored under the given pairs of sender and idempotency hash.

    One that was deleted since is found too, without a `body`.
    """
    if not keys:
        return {}
    rows: Result[*tuple[Any, ...]] = await connection.execute(*_SENT(connection.dialect.name, keys))
    return {(row.sender_id, row.idempotency_hash): row for row in rows}
