"""What browsers say of themselves: somebody looks at a page, or pages are open and nobody looks.

A browser says it when that changes and now and then meanwhile (see static/js/presence.js).

What it costs, at most: for each signed-in browser one row, written when its state changes and else
every `SAME_SECONDS`; those of `GATHER_SECONDS` in one process share a transaction, which locks no
person's row, so no message waits for it. A change is told by signals to the `presence.TOLD_MOST`
people with whom the person conversed last; whoever else has the name on a page, or has missed the
signal, asks (`presence.among`) every minute while the page is looked at: one query each. An idle
stream and a heartbeat cost nothing here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Double, bindparam, case, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from notifier import discretion, presence
from notifier.database import Database
from notifier.errors import Unavailable
from notifier.events import Signal
from notifier.models import AnySelect, Presence, SignIn
from notifier.presence import Shown, State
from notifier.signed_in import SignedIn
from notifier.together import Together

PRESENCE = "presence"
# Browsers say that they are here once a minute; one word may come late.
HERE_SECONDS = 100.0
# They say that they are away every four minutes, and slow the timers of hidden pages down.
AWAY_SECONDS = 600.0
# What a browser has said already is not written again before this, however often it says it.
SAME_SECONDS = 45.0
GATHER_SECONDS = 0.1
BATCH_MOST = 500
WAITING_MOST = 5_000
# Browsers whose last word is remembered here, some 200 bytes each.
REMEMBERED_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Said:
    """A browser's word about itself."""

    who: SignedIn
    state: State


class Whereabouts:
    """Takes in what browsers say, and tells who should know."""

    def __init__(self, database: Database, publish: Callable[[Sequence[Signal]], None]) -> None:
        self._database = database
        self._publish = publish
        # By sign-in: what it last said, and when (loop time); the oldest first.
        self._said: dict[int, tuple[State, float]] = {}
        self._writes: Together[Said, None] = Together(
            self._write,
            most=BATCH_MOST,
            waiting_most=WAITING_MOST,
            full=Unavailable,
            gather_seconds=GATHER_SECONDS,
        )

    def is_news(self, said: Said) -> bool:
        """Whether this differs from what the browser said last, or that is long ago."""
        before = self._said.get(said.who.sign_in_id)
        now = asyncio.get_running_loop().time()
        return before is None or before[0] is not said.state or now - before[1] > SAME_SECONDS

    async def note(self, said: Said) -> None:
        """Store it and tell those who should know at once. Raises `Unavailable`."""
        await self._writes.ask(said)
        self._said.pop(said.who.sign_in_id, None)
        self._said[said.who.sign_in_id] = said.state, asyncio.get_running_loop().time()
        if len(self._said) > REMEMBERED_MOST:
            del self._said[next(iter(self._said))]

    async def chosen(self, who: SignedIn, chosen: discretion.Choices) -> None:
        """Store what a person shows from now on; open pages show no more than that at once."""
        await discretion.choose(self._database, who.person_id, chosen)
        await self._tell_of([who.person_id])

    async def _write(self, said: Sequence[Said]) -> list[None]:
        # Of one browser the last word counts. In the order of their numbers, so that two
        # processes never wait for each other's rows in a ring.
        last = {one.who.sign_in_id: one for one in said}
        rows = [_row(last[sign_in_id], time.time()) for sign_in_id in sorted(last)]
        people = list({one.who.person_id for one in said})
        try:
            async with self._database.write() as connection:
                before = await presence.states(connection, people)
                await connection.execute(_UPSERTS[connection.dialect.name], rows)
                after = await presence.states(connection, people)
        except IntegrityError:
            # A sign-in ended at this very moment; its page is told so by its stream.
            raise Unavailable() from None
        changed = [person_id for person_id in people if before[person_id] is not after[person_id]]
        if changed:
            await self._tell_of(changed)
        return [None] * len(said)

    async def _tell_of(self, people: Sequence[int]) -> None:
        told: list[tuple[int, Shown]] = []
        async with self._database.read() as connection:
            for person_id in people:
                told += await presence.told_of(connection, person_id)
        now = time.time()
        self._publish(
            [Signal.make(told_id, PRESENCE, shown.as_dict(), now) for told_id, shown in told]
        )


def _row(said: Said, now: float) -> dict[str, Any]:
    here = said.state is State.HERE
    return {
        "sign_in": said.who.sign_in_id,
        "here_at": now if here else 0.0,
        "here_until": now + HERE_SECONDS if here else 0.0,
        "open_until": now + (HERE_SECONDS if here else AWAY_SECONDS),
    }


def _upsert_for(dialect: Any) -> Any:
    # A sign-in that is over has no row to take its number from, so nothing is stored for it.
    of_sign_in: AnySelect = select(
        SignIn.id,
        SignIn.user_id,
        *(bindparam(name, type_=Double()) for name in ("here_at", "here_until", "open_until")),
    ).where(SignIn.id == bindparam("sign_in"))
    statement = dialect.insert(Presence).from_select(
        ["sign_in_id", "person_id", "here_at", "here_until", "open_until"], of_sign_in
    )
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[Presence.sign_in_id],
        set_={
            "here_at": case((new.here_at > Presence.here_at, new.here_at), else_=Presence.here_at),
            "here_until": new.here_until,
            "open_until": new.open_until,
        },
    )


_UPSERTS = {"sqlite": _upsert_for(sqlite), "postgresql": _upsert_for(postgresql)}
