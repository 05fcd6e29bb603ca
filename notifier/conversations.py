"""Conversations: the messages between one person and another, and the list of them.

Whose they are is decided in the query: every one names the person who asks. `sending.py` stores
messages, `message_changes.py` reads and deletes them. It must never read more than a page of
messages, however long a conversation is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, text, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.accounts import PROFILE, username_key
from notifier.errors import NotFound
from notifier.models import AnyRow, AnySelect, Conversation, Message, User
from notifier.safety import hidden_from

# About two phones high: what one looks at before the next part is there.
WINDOW_MESSAGES = 30
LIST_CONVERSATIONS = 30
# Read messages that are shown above the first unread one, so that one knows where one was.
BEFORE_UNREAD = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: with whom, the last words, how many of theirs are unread."""

    other: str
    message_id: int
    body: str
    sent_at: float
    mine: bool
    unread: int


@dataclass(frozen=True, slots=True)
class Lines:
    """A part of the list, newest first; `before` is where the next part begins, 0 at the end."""

    items: list[Line]
    before: int


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a conversation, in the order in which it was said.

    `items` are rows with `id, sender_id, body, sent_at, read_at`.
    """

    items: Sequence[AnyRow]
    has_older: bool
    has_newer: bool


async def other_person(connection: AsyncConnection, person_id: int, username: str) -> AnyRow:
    """Whom `person_id` converses with (as `accounts.find_person`). Raises `NotFound`."""
    result = await connection.execute(
        select(*PROFILE).where(
            User.username_key == username_key(username),
            # Nobody converses with themselves.
            User.id != person_id,
            User.id.not_in(hidden_from(person_id)),
        )
    )
    row = result.one_or_none()
    if row is None:
        raise NotFound("There is nobody of that name to converse with.")
    return row


async def lines(connection: AsyncConnection, person_id: int, before: int | None = None) -> Lines:
    """A person's conversations, the one with the newest message first."""
    query = (
        select(
            User.id,
            User.username,
            Message.id.label("message_id"),
            Message.body,
            Message.sent_at,
            Message.sender_id,
        )
        .select_from(Conversation)
        .join(User, User.id == Conversation.other_id)
        .join(Message, Message.id == Conversation.last_message_id)
        .where(
            Conversation.person_id == person_id,
            Conversation.other_id.not_in(hidden_from(person_id)),
        )
        .order_by(Conversation.last_message_id.desc())
        .limit(LIST_CONVERSATIONS + 1)
    )
    if before:
        query = query.where(Conversation.last_message_id < before)
    rows = (await connection.execute(query)).all()
    more, rows = len(rows) > LIST_CONVERSATIONS, rows[:LIST_CONVERSATIONS]
    unread = await unread_by_person(connection, person_id, [row.id for row in rows])
    return Lines(
        [
            Line(
                row.username,
                row.message_id,
                row.body,
                row.sent_at,
                row.sender_id == person_id,
                unread.get(row.id, 0),
            )
            for row in rows
        ],
        rows[-1].message_id if more else 0,
    )


async def unread_by_person(
    connection: AsyncConnection, person_id: int, other_ids: Sequence[int]
) -> dict[int, int]:
    """How many unread messages of each of `other_ids` a person has; who has none is left out."""
    if not other_ids:
        return {}
    rows = await connection.execute(
        select(Message.sender_id, func.count())
        .where(
            Message.recipient_id == person_id,
            Message.sender_id.in_(other_ids),
            Message.read_at.is_(None),
            text("NOT withheld"),
        )
        .group_by(Message.sender_id)
    )
    return {row[0]: row[1] for row in rows}


async def first_unread(connection: AsyncConnection, person_id: int, other_id: int) -> int | None:
    """The oldest message of the other's that a person has not read."""
    first: int | None = await connection.scalar(
        select(func.min(Message.id)).where(
            Message.recipient_id == person_id,
            Message.sender_id == other_id,
            Message.read_at.is_(None),
            text("NOT withheld"),
        )
    )
    return first


async def newest(
    connection: AsyncConnection, person_id: int, other_id: int, *, before: int | None = None
) -> Window:
    """The end of a conversation, or the part before the message `before`."""
    rows = await _part(connection, person_id, other_id, below=before)
    return Window(rows[-WINDOW_MESSAGES:], len(rows) > WINDOW_MESSAGES, before is not None)


async def after(
    connection: AsyncConnection, person_id: int, other_id: int, message_id: int
) -> Window:
    """The part of a conversation that follows the message `message_id`."""
    rows = await _part(connection, person_id, other_id, above=message_id)
    return Window(rows[:WINDOW_MESSAGES], message_id > 0, len(rows) > WINDOW_MESSAGES)


async def around(
    connection: AsyncConnection, person_id: int, other_id: int, message_id: int
) -> Window:
    """The part that begins a little above the message `message_id`."""
    above = await _part(connection, person_id, other_id, below=message_id)
    rows = await _part(connection, person_id, other_id, above=message_id - 1)
    return Window(
        [*above[-BEFORE_UNREAD:], *rows[:WINDOW_MESSAGES]],
        len(above) > BEFORE_UNREAD,
        len(rows) > WINDOW_MESSAGES,
    )


_COLUMNS = (Message.id, Message.sender_id, Message.body, Message.sent_at, Message.read_at)


async def _part(
    connection: AsyncConnection,
    person_id: int,
    other_id: int,
    *,
    below: int | None = None,
    above: int | None = None,
) -> Sequence[AnyRow]:
    """One message more than a window, next to a message or at the end, ascending."""

    def one_way(sender: int, recipient: int) -> AnySelect:
        query = select(*_COLUMNS).where(
            Message.sender_id == sender, Message.recipient_id == recipient
        )
        if recipient == person_id:
            query = query.where(~Message.withheld)
        if below is not None:
            query = query.where(Message.id < below)
        if above is not None:
            query = query.where(Message.id > above)
        order = Message.id.desc() if above is None else Message.id
        # Each way has its index; a plain OR would read one person's messages with everybody.
        return select(query.order_by(order).limit(WINDOW_MESSAGES + 1).subquery())

    both = union_all(one_way(person_id, other_id), one_way(other_id, person_id)).subquery()
    order = both.c.id.desc() if above is None else both.c.id
    rows = (await connection.execute(select(both).order_by(order).limit(WINDOW_MESSAGES + 1))).all()
    return rows[::-1] if above is None else rows


def _upsert_for(dialect: Any) -> Any:
    statement = dialect.insert(Conversation)
    return statement.on_conflict_do_update(
        index_elements=[Conversation.person_id, Conversation.other_id],
        set_={"last_message_id": statement.excluded.last_message_id},
    )


_UPSERTS = {"sqlite": _upsert_for(sqlite), "postgresql": _upsert_for(postgresql)}


async def note_last(connection: AsyncConnection, stored: Iterable[tuple[int, int, int]]) -> None:
    """Make messages the last ones of people's conversations: each as person, other and id.

    The caller holds both people's rows, and of one pair the later message comes later.
    """
    last: dict[tuple[int, int], int] = {}
    for person_id, other_id, message_id in stored:
        last[person_id, other_id] = message_id
    await connection.execute(
        _UPSERTS[connection.dialect.name],
        [
            {"person_id": person, "other_id": other, "last_message_id": message_id}
            for (person, other), message_id in last.items()
        ],
    )


async def find_last_again(connection: AsyncConnection, person_id: int, other_id: int) -> None:
    """After a message is gone: which is the last one now, or that there is no conversation.

    Each of the two has their own answer: what is withheld only its sender sees.
    """
    for person, other in ((person_id, other_id), (other_id, person_id)):
        rows = await _part(connection, person, other)
        if rows:
            await note_last(connection, [(person, other, rows[-1].id)])
            continue
        await connection.execute(
            delete(Conversation).where(
                Conversation.person_id == person, Conversation.other_id == other
            )
        )
