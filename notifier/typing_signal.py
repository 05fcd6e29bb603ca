"""*Typing…*: shown to the other while one writes to them. Nothing is stored, here or anywhere.

It costs a query, shared with all who ask within a few milliseconds, and one message on the bus.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from sqlalchemy import select, tuple_

from notifier.accounts import username_key
from notifier.database import Database
from notifier.discretion import About, Told, What, may_be_told
from notifier.errors import NotFound, TooMany, Unavailable
from notifier.events import Signal
from notifier.signed_in import SignedIn
from notifier.together import Together

TYPING = "typing"
# Between two signals from one person to another. A page shows one for somewhat longer.
PAUSE_SECONDS = 3.0
GATHER_SECONDS = 0.005
BATCH_MOST = 200
WAITING_MOST = 2_000
# Pairs whose last signal is remembered, some 200 bytes each; far more than type at one time.
REMEMBERED_MOST = 10_000

# Who writes, and the key of the name of whom they write to.
Pair = tuple[int, str]
# The other one, and whether they may be told.
Reader = tuple[int, bool]


class Typing:
    """Tells people that somebody is writing to them now."""

    def __init__(self, database: Database, publish: Callable[[Sequence[Signal]], None]) -> None:
        self._database = database
        self._publish = publish
        # When each pair's last signal went (loop time), the oldest first.
        self._last: dict[Pair, float] = {}
        self._recipients: Together[Pair, Reader | None] = Together(
            self._look_up,
            most=BATCH_MOST,
            waiting_most=WAITING_MOST,
            full=Unavailable,
            gather_seconds=GATHER_SECONDS,
        )

    async def tell(self, sender: SignedIn, recipient: str) -> None:
        """Let `recipient` (a username) see that `sender` is writing to them.

        Raises `TooMany` within `PAUSE_SECONDS` of the last time, and `NotFound` when there is no
        such person. One who may not be told hears nothing, and nobody is told that.
        """
        pair = sender.person_id, username_key(recipient)
        self._pace(pair)
        found = await self._recipients.ask(pair)
        if found is None or found[0] == sender.person_id:
            raise NotFound("There is nobody of that name to write to.")
        recipient_id, may_be_told_of_it = found
        if may_be_told_of_it:
            signal = Signal.make(recipient_id, TYPING, {"from": sender.username}, time.time())
            self._publish([signal])

    def _pace(self, pair: Pair) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last.get(pair, -PAUSE_SECONDS) < PAUSE_SECONDS:
            raise TooMany("Once in a while is enough.", retry_after=int(PAUSE_SECONDS))
        self._last.pop(pair, None)
        self._last[pair] = now
        if len(self._last) > REMEMBERED_MOST:
            del self._last[next(iter(self._last))]

    async def _look_up(self, pairs: Sequence[Pair]) -> list[Reader | None]:
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(
                    About.id.label("sender_id"),
                    Told.username_key,
                    Told.id,
                    may_be_told(What.TYPING).label("may"),
                )
                .select_from(About)
                .join(Told, Told.id != About.id)
                .where(tuple_(About.id, Told.username_key).in_(list(set(pairs))))
            )
            found = {(row.sender_id, row.username_key): (row.id, bool(row.may)) for row in rows}
        return [found.get(pair) for pair in pairs]
