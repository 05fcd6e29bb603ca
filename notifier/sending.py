"""Storing messages: several senders who come at once share one transaction.

A send is answered only after the commit that stored it. Sends that wait for the writer are
stored by the next transaction together (group commit): with sixteen senders at once that is a
fraction of the statements and of the fsyncs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import texts
from notifier.accounts import username_key
from notifier.database import Database
from notifier.errors import NotFound, Refused, Unavailable
from notifier.events import Event
from notifier.figures import Histogram
from notifier.messages import (
    MESSAGE,
    MESSAGE_MAX_CHARACTERS,
    UNREAD_COUNT,
    find_sent,
    unread_counts,
)
from notifier.models import AnyRow, Message, User
from notifier.notifications import allot, store
from notifier.together import Together

log = structlog.get_logger("notifier.sending")

# Drafts of one transaction: beyond some dozens the statements per message no longer fall, and
# everybody else waits for the writer.
BATCH_MOST = 64
WAITING_MOST = 2_000
# How long a draft waits for others: nobody notices, and without it sixteen senders fall into two
# groups that take turns, at twice the transactions.
GATHER_SECONDS = 0.003
IDEMPOTENCY_KEY_MAX_CHARACTERS = 255
TO_ONESELF = "You cannot send a message to yourself."
OTHER_MESSAGE = "This Idempotency-Key was used for another message."


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to be sent. `recipient` is a username."""

    sender_id: int
    sender: str
    recipient: str
    body: str
    idempotency_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored message: its id, the sequence of its event, and when it was sent."""

    id: int
    sequence: int
    sent_at: float


def draft(
    sender_id: int, sender: str, recipient: str, body: str, idempotency_key: str | None = None
) -> Draft:
    """A draft, checked as far as it can be without the database. Raises `Refused`."""
    body = texts.clean(body, most=MESSAGE_MAX_CHARACTERS, what="A message", field="message")
    if username_key(recipient) == username_key(sender):
        raise Refused(TO_ONESELF, field="message")
    if not idempotency_key:
        return Draft(sender_id, sender, recipient, body)
    if len(idempotency_key) > IDEMPOTENCY_KEY_MAX_CHARACTERS:
        raise Refused("The Idempotency-Key is too long.")
    key_hash = hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
    return Draft(sender_id, sender, recipient, body, key_hash)


class Sending:
    """Stores drafts, and publishes what happened once it is committed."""

    def __init__(
        self,
        database: Database,
        publish: Callable[[Sequence[Event]], None],
        *,
        kept_notifications: int,
    ) -> None:
        self._database = database
        self._publish = publish
        self._kept_most = kept_notifications
        # From a draft until it was stored, or was not.
        self.times = Histogram()
        self._together: Together[Draft, Sent] = Together(
            self._send_all,
            most=BATCH_MOST,
            waiting_most=WAITING_MOST,
            full=Unavailable,
            gather_seconds=GATHER_SECONDS,
        )

    async def send(self, one: Draft) -> Sent:
        """Store `one` and tell its recipient.

        Raises `NotFound` for an unknown recipient, `Unavailable` when nothing was stored. A
        repeat of the same idempotency key returns the first send.
        """
        began = time.perf_counter()
        try:
            return await self._together.ask(one)
        finally:
            self.times.seen(time.perf_counter() - began)

    async def _send_all(self, drafts: Sequence[Draft]) -> list[Sent | Exception]:
        try:
            return await self._store(drafts)
        except Unavailable:
            raise
        except Exception as error:
            log.warning("batch_not_stored", drafts=len(drafts), reason=type(error).__name__)
        # One of them cannot be stored (its sender was deleted meanwhile, say): the others can.
        # A lone one is tried again too: when another process has just stored the same
        # Idempotency-Key, PostgreSQL tells only at the insert, and looking again finds it.
        answers: list[Sent | Exception] = []
        for one in drafts:
            try:
                answers += await self._store([one])
            except Exception as error:
                answers.append(error)
        return answers

    async def _store(self, drafts: Sequence[Draft]) -> list[Sent | Exception]:
        async with self._database.write() as connection:
            answers, events = await store_messages(connection, drafts, kept_most=self._kept_most)
        self._publish(events)
        return answers


async def store_messages(
    connection: AsyncConnection, drafts: Sequence[Draft], *, kept_most: int
) -> tuple[list[Sent | Exception], list[Event]]:
    """Store `drafts` in the caller's transaction.

    Returns an answer for each (a `Sent` or why not), and the events to publish after the
    commit: for each recipient their messages and then one unread count.
    """
    batch = _Batch(drafts)
    await batch.look_up(connection)
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
        # Sequence and timestamp of each recipient's unread count.
        self.count_at: dict[int, tuple[int, float]] = {}
        # Positions that repeat an earlier one of the same batch.
        self._repeats: list[tuple[int, int]] = []

    async def look_up(self, connection: AsyncConnection) -> None:
        """Who the recipients are, and which drafts were stored before."""
        names = {username_key(one.recipient) for one in self.drafts}
        rows = await connection.execute(
            select(User.id, User.username_key).where(User.username_key.in_(names))
        )
        people: dict[str, int] = {row.username_key: row.id for row in rows}
        keys = [(d.sender_id, d.idempotency_hash) for d in self.drafts if d.idempotency_hash]
        stored = await find_sent(connection, keys)
        first_with: dict[tuple[int, str], int] = {}
        for index, one in enumerate(self.drafts):
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

    async def insert(self, connection: AsyncConnection) -> list[Event]:
        """Number and store the messages; their events."""
        now = time.time()
        rows: list[dict[str, Any]] = []
        events: list[Event] = []
        indexes: list[int] = []
        # In the order of the ids: two transactions that lock the same people never wait for
        # each other in a ring.
        for recipient_id, positions in sorted(self.by_recipient.items()):
            count = len(positions)
            first, timestamp = await allot(connection, recipient_id, count + 1)
            self.count_at[recipient_id] = (first + count, timestamp)
            for sequence, index in enumerate(positions, first):
                one = self.drafts[index]
                events.append(Event(recipient_id, sequence, MESSAGE, None, timestamp))
                indexes.append(index)
                rows.append(
                    {
                        "sender_id": one.sender_id,
                        "recipient_id": recipient_id,
                        "body": one.body,
                        "sent_at": now,
                        "sequence": sequence,
                        "idempotency_hash": one.idempotency_hash,
                    }
                )
        result = await connection.execute(
            insert(Message).returning(Message.id, sort_by_parameter_order=True), rows
        )
        for index, event, message_id in zip(indexes, events, result.scalars(), strict=True):
            one = self.drafts[index]
            event.payload = {"id": message_id, "from": one.sender, "body": one.body, "sent_at": now}
            self.answers[index] = Sent(message_id, event.sequence, now)
        for index, first_index in self._repeats:
            self.answers[index] = self._repeat_of(first_index, self.drafts[index])
        return events

    def _repeat_of(self, first_index: int, one: Draft) -> Sent | Exception:
        first = self.drafts[first_index]
        same_recipient = username_key(first.recipient) == username_key(one.recipient)
        if not same_recipient or first.body != one.body:
            return Refused(OTHER_MESSAGE)
        return self.answers[first_index]


def _repeat(one: Draft, recipient_id: int, stored: AnyRow) -> Sent | Refused:
    if stored.recipient_id != recipient_id or stored.body != one.body:
        return Refused(OTHER_MESSAGE)
    return Sent(stored.id, stored.sequence, stored.sent_at)
