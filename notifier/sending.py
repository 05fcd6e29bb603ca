"""Storing messages: several senders who come at once share one transaction.

A send is answered only after the commit that stored it. Sends that wait for the writer are
stored by the next transaction together (group commit): with sixteen senders at once that is a
fraction of the statements and of the fsyncs. `storing.py` says what is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from notifier.database import Database
from notifier.drafts import Draft, Sent
from notifier.errors import Unavailable
from notifier.events import Event
from notifier.figures import Histogram
from notifier.storing import store_messages
from notifier.together import Together

log = structlog.get_logger("notifier.sending")

# Drafts of one transaction: beyond some dozens the statements per message no longer fall, and
# everybody else waits for the writer.
BATCH_MOST = 64
WAITING_MOST = 2_000
# How long a draft waits for others: nobody notices, and without it those who are answered together
# come back in two groups that take turns, at twice the transactions. It takes a browser's or a
# proxy's next request some milliseconds to be here: with 3 three senders still fell apart into one
# and two, with 6 they do not, and half of all answers come within 3 ms of when they came before.
GATHER_SECONDS = 0.006


class Sending:
    """Stores drafts, and publishes what happened once it is committed."""

    def __init__(
        self,
        database: Database,
        publish: Callable[[Sequence[Event]], None],
        *,
        kept_notifications: int,
        strangers_per_day: int = 0,
    ) -> None:
        self._database = database
        self._publish = publish
        self._kept_most = kept_notifications
        self._strangers_most = strangers_per_day
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
        answers, events = await self._database.write_at_once(
            lambda connection: store_messages(
                connection,
                drafts,
                kept_most=self._kept_most,
                strangers_most=self._strangers_most,
            )
        )
        self._publish(events)
        return answers
