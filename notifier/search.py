"""Finding: people by the beginning of their name, one's own messages by words.

Both are answered from an index while somebody types. It must never find a message for anybody but
its two people, nor a person by their e-mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex
from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from notifier.accounts import username_key
from notifier.models import AnyRow, Message, User
from notifier.safety import hidden_from

# What a list under a field can hold without scrolling.
PEOPLE_MOST = 8
FOUND_MOST = 30
# Longer questions are no better, only dearer.
WORDS_MOST = 8
ASKED_MAX_CHARACTERS = 100
# The highest code point: every name that begins with some letters sorts before them and this.
LAST_CHARACTER = "\U0010ffff"

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


@dataclass(frozen=True, slots=True)
class Found:
    """Messages that were found, newest first, and whether there are more of them.

    Each is a row with `id, sender, recipient, body, sent_at`.
    """

    items: Sequence[AnyRow]
    more: bool


async def people(connection: AsyncConnection, person_id: int, asked: str) -> Sequence[AnyRow]:
    """Other people whose name begins with `asked`, as rows with `id, username`."""
    start = username_key(asked.strip()[:ASKED_MAX_CHARACTERS])
    if not start:
        return []
    query = (
        select(User.id, User.username)
        .where(User.id != person_id, User.id.not_in(hidden_from(person_id)))
        .order_by(User.username_key)
        .limit(PEOPLE_MOST)
    )
    if connection.dialect.name == "sqlite":
        # Its LIKE ignores the index unless the whole connection is made case-sensitive.
        query = query.where(User.username_key >= start, User.username_key < start + LAST_CHARACTER)
    else:
        query = query.where(User.username_key.startswith(start, autoescape=True))
    return (await connection.execute(query)).all()


def words_of(asked: str) -> list[str]:
    """The words that are looked for; signs and quotes mean nothing here."""
    return _WORD.findall(asked[:ASKED_MAX_CHARACTERS])[:WORDS_MOST]


# The two people of a message are words of it in the index: so one look finds one person's.
_SQLITE = text(
    """
    SELECT rowid FROM message_words WHERE message_words MATCH :words
    ORDER BY rowid DESC LIMIT :most
    """
)
# The expression is that of the index, see migration 0002.
_POSTGRESQL = text(
    """
    SELECT id FROM message WHERE (
        setweight(to_tsvector('simple', body), 'B') ||
        setweight(to_tsvector('simple',
            'p' || CAST(sender_id AS text) || ' p' || CAST(recipient_id AS text)), 'A')
    ) @@ to_tsquery('simple', :words) ORDER BY id DESC LIMIT :most
    """
)
_SENDER, _RECIPIENT = aliased(User), aliased(User)
_MESSAGES = (
    select(
        Message.id,
        _SENDER.username.label("sender"),
        _RECIPIENT.username.label("recipient"),
        Message.body,
        Message.sent_at,
    )
    .join(_SENDER, _SENDER.id == Message.sender_id)
    .join(_RECIPIENT, _RECIPIENT.id == Message.recipient_id)
    .where(
        Message.id.in_(bindparam("ids", expanding=True)),
        Message.recipient_id.not_in(hidden_from(bindparam("person"))),
        (Message.sender_id == bindparam("person")) | ~Message.withheld,
    )
    .order_by(Message.id.desc())
)


async def messages(connection: AsyncConnection, person_id: int, asked: str) -> Found:
    """The messages of a person's conversations that hold all words of `asked`.

    The last word may be a beginning: it is being typed.
    """
    words = words_of(asked)
    if not words:
        return Found([], False)
    if connection.dialect.name == "sqlite":
        quoted = " ".join(f'"{word}"' for word in words)
        statement, query = _SQLITE, f"people : p{person_id} AND body : ({quoted}*)"
    else:
        *whole, last = [word.lower() for word in words]
        parts = [f"'p{person_id}':A", *(f"'{word}':B" for word in whole), f"'{last}':*B"]
        statement, query = _POSTGRESQL, " & ".join(parts)
    result = await connection.execute(statement, {"words": query, "most": FOUND_MOST + 1})
    ids = result.scalars().all()
    rows = await connection.execute(_MESSAGES, {"ids": ids[:FOUND_MOST], "person": person_id})
    return Found(rows.all(), len(ids) > FOUND_MOST)
