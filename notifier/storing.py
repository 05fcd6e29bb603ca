"""Storing drafts in one transaction: who gets which number, what is told to whom.

`sending.py` decides which drafts come together, and commits.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.accounts import SUSPENDED, username_key
from notifier.conversations import note_last
from notifier.drafts import TO_ONESELF, Draft, Sent
from notifier.errors import Forbidden, NotFound, Refused
from notifier.events import Event
from notifier.languages import Sentence
from notifier.messages import (
    MESSAGE,
    MESSAGE_SENT,
    QUIET_MESSAGE,
    UNREAD_COUNT,
    find_sent,
    unread_counts,
)
from notifier.models import AnyRow, Message, User
from notifier.notifications import store
from notifier.numbering import Numbers, allot_all
from notifier.one_of import ByDialect
from notifier.safety import Letter, Verdict, judge

OTHER_MESSAGE = Sentence("This Idempotency-Key was used for another message.")
DELETED = Sentence("You have deleted this message.")
# Everybody concerned, locked in the order of their ids before anything about them is asked: so a
# block or a suspension that commits meanwhile is either seen here or sees the message.
_PARTICIPANTS = ByDialect(
    lambda one_of: (
        select(User.id, User.username, User.username_key, User.who_may_write, User.suspended_at)
        .where(one_of(User.username_key, "names") | one_of(User.id, "senders"))
        .order_by(User.id)
        .with_for_update()
    )
)


async def store_messages(
    connection: AsyncConnection,
    drafts: Sequence[Draft],
    *,
    kept_most: int,
    strangers_most: int = 0,
) -> tuple[list[Sent | Exception], list[Event]]:
    """Store `drafts` in the caller's transaction.

    Returns an answer for each (a `Sent` or why not), and the events to publish after the
    commit: for each recipient their messages and then one unread count, for each sender what
    they sent. `strangers_most` is how many new people one person may write to in a day.
    """
    batch = _Batch(drafts)
    await batch.look_up(connection)
    await batch.judge(connection, strangers_most)
    if not batch.by_recipient:
        return batch.answers, []
    kept = await batch.insert(connection)
    # Counted in the transaction that numbers it, under the recipients' locks: two senders at
    # once cannot both count the same.
    counts = await unread_counts(connection, list(batch.count_at))
    state = [
        Event(person_id, sequence, UNREAD_COUNT, counts[person_id], timestamp)
        for person_id, (sequence, timestamp) in batch.count_at.items()
    ]
    await store(connection, kept, state, kept_most=kept_most)
    return batch.answers, sorted(kept + state, key=lambda e: (e.recipient_id, e.sequence))


class _Batch:
    """Drafts that are stored by one transaction, and what becomes of each."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self.drafts = drafts
        nobody = NotFound("There is nobody of that name here.")
        self.answers: list[Sent | Exception] = [nobody] * len(drafts)
        # Positions in `drafts` of what is to be stored, by recipient.
        self.by_recipient: dict[int, list[int]] = {}
        self.names: dict[int, str] = {}
        self._who_may_write: dict[int, str] = {}
        # How each one that is stored reaches its recipient, by position.
        self._verdicts: dict[int, Verdict] = {}
        # Sequence and timestamp of each recipient's unread count.
        self.count_at: dict[int, tuple[int, float]] = {}
        # Positions that repeat an earlier one of the same batch.
        self._repeats: list[tuple[int, int]] = []

    async def look_up(self, connection: AsyncConnection) -> None:
        """Who the recipients are, and which drafts were stored before."""
        names = {username_key(one.recipient) for one in self.drafts}
        senders = {one.sender_id for one in self.drafts}
        rows = await connection.execute(
            *_PARTICIPANTS(connection.dialect.name, {"names": names, "senders": senders})
        )
        people: dict[str, int] = {}
        suspended: set[int] = set()
        for row in rows:
            if row.suspended_at is not None:
                suspended.add(row.id)
            people[row.username_key] = row.id
            self.names[row.id] = row.username
            self._who_may_write[row.id] = row.who_may_write
        keys = [(d.sender_id, d.idempotency_hash) for d in self.drafts if d.idempotency_hash]
        stored = await find_sent(connection, keys)
        first_with: dict[tuple[int, str], int] = {}
        for index, one in enumerate(self.drafts):
            if one.sender_id in suspended:
                # Since this request was let in.
                self.answers[index] = Forbidden(SUSPENDED)
                continue
            recipient_id = people.get(username_key(one.recipient))
            if recipient_id is None:
                continue
            if recipient_id == one.sender_id:
                self.answers[index] = Refused(TO_ONESELF, field="message")
                continue
            if one.idempotency_hash:
                key = (one.sender_id, one.idempotency_hash)
                if key in stored:
                    self.answers[index] = _repeat(one, recipient_id, stored[key])
                    continue
                if key in first_with:
                    self._repeats.append((index, first_with[key]))
                    continue
                first_with[key] = index
            self.by_recipient.setdefault(recipient_id, []).append(index)

    async def judge(self, connection: AsyncConnection, strangers_most: int) -> None:
        """Take out what is refused, and note what is withheld or quiet."""
        places = [(i, to) for to, positions in self.by_recipient.items() for i in positions]
        if not places:
            return
        letters = [
            Letter(self.drafts[i].sender_id, to, self.names[to], self._who_may_write[to])
            for i, to in places
        ]
        said = await judge(connection, letters, time.time(), strangers_most=strangers_most)
        for (index, recipient_id), verdict in zip(places, said, strict=True):
            if isinstance(verdict, Verdict):
                self._verdicts[index] = verdict
                continue
            self.answers[index] = verdict
            self.by_recipient[recipient_id].remove(index)
        self.by_recipient = {to: left for to, left in self.by_recipient.items() if left}

    async def insert(self, connection: AsyncConnection) -> list[Event]:
        """Number and store the messages; their events, the recipient's before the sender's own."""
        now = time.time()
        numbers = await self._number(connection)
        rows: list[dict[str, Any]] = []
        indexes: list[int] = []
        for recipient_id, positions in self.by_recipient.items():
            for index in positions:
                one = self.drafts[index]
                indexes.append(index)
                rows.append(
                    {
                        "sender_id": one.sender_id,
                        "recipient_id": recipient_id,
                        "body": one.body,
                        "sent_at": now,
                        "sequence": numbers.next(recipient_id),
                        "sender_sequence": numbers.next(one.sender_id),
                        "idempotency_hash": one.idempotency_hash,
                        **self._verdicts[index]._asdict(),
                    }
                )
        for recipient_id in self.by_recipient:
            timestamp = numbers.timestamp(recipient_id)
            self.count_at[recipient_id] = (numbers.next(recipient_id), timestamp)
        # Known by their numbers: in the order of `rows` SQLAlchemy could return them only by one
        # statement for each.
        result = await connection.execute(
            insert(Message).returning(Message.recipient_id, Message.sequence, Message.id), rows
        )
        ids = {(row[0], row[1]): row[2] for row in result}
        events: list[Event] = []
        # Whose conversation with whom ends with which message.
        last: list[tuple[int, int, int]] = []
        for index, row in zip(indexes, rows, strict=True):
            one, recipient_id = self.drafts[index], row["recipient_id"]
            message_id = ids[recipient_id, row["sequence"]]
            said = {"id": message_id, "from": one.sender, "body": one.body, "sent_at": now}
            sent = {
                "id": message_id,
                "to": self.names[recipient_id],
                "body": one.body,
                "sent_at": now,
                "key": one.key,
            }
            if not row["withheld"]:
                # A number without an event is a hole, which no stream takes for a gap for long:
                # the count comes right after it.
                name = QUIET_MESSAGE if row["quiet"] else MESSAGE
                events.append(numbers.event(recipient_id, row["sequence"], name, said))
                last.append((recipient_id, one.sender_id, message_id))
            events.append(numbers.event(one.sender_id, row["sender_sequence"], MESSAGE_SENT, sent))
            last.append((one.sender_id, recipient_id, message_id))
            self.answers[index] = Sent(message_id, row["sequence"], now)
        await note_last(connection, last)
        for index, first_index in self._repeats:
            self.answers[index] = self._repeat_of(first_index, self.drafts[index])
        return events

    async def _number(self, connection: AsyncConnection) -> Numbers:
        """One for each message, for its recipient and for its sender, and one for each count."""
        wanted: Counter[int] = Counter()
        for recipient_id, positions in self.by_recipient.items():
            wanted[recipient_id] += len(positions) + 1
            for index in positions:
                wanted[self.drafts[index].sender_id] += 1
        return Numbers(await allot_all(connection, wanted))

    def _repeat_of(self, first_index: int, one: Draft) -> Sent | Exception:
        first = self.drafts[first_index]
        same_recipient = username_key(first.recipient) == username_key(one.recipient)
        if not same_recipient or first.body != one.body:
            return Refused(OTHER_MESSAGE)
        return self.answers[first_index]


def _repeat(one: Draft, recipient_id: int, stored: AnyRow) -> Sent | Refused:
    if stored.body is None:
        return Refused(DELETED, field="message")
    if stored.recipient_id != recipient_id or stored.body != one.body:
        return Refused(OTHER_MESSAGE)
    return Sent(stored.id, stored.sequence, stored.sent_at)
