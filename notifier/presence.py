"""Who is here: somebody looks at a page of theirs now; away: pages are open and nobody looks; gone.

What a browser says of itself (`whereabouts.py` takes it in) holds until a time that is stored with
it, so a browser, a process or a machine that dies leaves nobody here for longer than that, and
nothing has to be cleared up. Here is what others are told of it: only queries, and each of them
asks `discretion`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.accounts import username_key
from notifier.discretion import About, Told, What, may_be_told
from notifier.models import AnyRow, AnySelect, Conversation, Presence
from notifier.safety import has_blocked

# People who are told of a change at once: as many as a list shows without scrolling.
TOLD_MOST = 20


class State(Enum):
    """How near somebody is."""

    HERE = "here"
    AWAY = "away"
    GONE = "gone"
    # Not told: they hide it, or whoever asks does.
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Shown:
    """What one person is told of another; `last_seen_at` is None where it is hidden."""

    person: str
    state: State
    last_seen_at: float | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "person": self.person,
            "state": self.state.value,
            "last_seen_at": self.last_seen_at,
        }


async def among(connection: AsyncConnection, told_id: int, usernames: Iterable[str]) -> list[Shown]:
    """What `told_id` is told of those people; who is hidden from them, or nobody, is left out."""
    keys = {username_key(name) for name in usernames}
    rows = await connection.execute(
        _shown().where(Told.id == told_id, About.username_key.in_(keys), may_be_told(What.PRESENCE))
    )
    now = time.time()
    return [_as_shown(row, now) for row in rows]


async def of(connection: AsyncConnection, told_id: int, about_id: int) -> Shown | None:
    """What `told_id` is told of one other; None when nothing."""
    result = await connection.execute(
        _shown().where(Told.id == told_id, About.id == about_id, may_be_told(What.PRESENCE))
    )
    row = result.one_or_none()
    return None if row is None else _as_shown(row, time.time())


async def told_of(connection: AsyncConnection, about_id: int) -> list[tuple[int, Shown]]:
    """What each of those with whom a person conversed last is told of them, by their number."""
    last = (
        select(Conversation.other_id)
        .where(Conversation.person_id == about_id)
        .order_by(Conversation.last_message_id.desc())
        .limit(TOLD_MOST)
        .subquery()
    )
    rows = await connection.execute(
        _shown(Told.id.label("told_id"), may_be_told(What.PRESENCE).label("may"))
        .where(
            About.id == about_id,
            Told.id.in_(select(last.c.other_id)),
            # Not even that there is nothing to tell.
            ~has_blocked(Told.id, About.id),
        )
        .group_by(Told.id)
    )
    now = time.time()
    return [(row.told_id, _as_shown(row, now, hidden=not row.may)) for row in rows]


_HERE_UNTIL = func.coalesce(func.max(Presence.here_until), 0.0).label("here_until")
_OPEN_UNTIL = func.coalesce(func.max(Presence.open_until), 0.0).label("open_until")
_HERE_AT = func.coalesce(func.max(Presence.here_at), 0.0).label("here_at")


def _shown(*more: ColumnElement[Any]) -> AnySelect:
    """What is known of `About`, for each `Told` that the caller names."""
    return (
        select(About.username, About.last_seen_at, _HERE_AT, _HERE_UNTIL, _OPEN_UNTIL, *more)
        .select_from(About)
        .join(Told, Told.id != About.id)
        .outerjoin(Presence, Presence.person_id == About.id)
        .group_by(About.id)
    )


def _as_shown(row: AnyRow, now: float, *, hidden: bool = False) -> Shown:
    if hidden:
        return Shown(row.username, State.HIDDEN, None)
    state = _state(row, now)
    seen_at = now if state is State.HERE else max(row.last_seen_at, row.here_at)
    return Shown(row.username, state, seen_at)


def _state(row: AnyRow, now: float) -> State:
    if row.here_until > now:
        return State.HERE
    return State.AWAY if row.open_until > now else State.GONE


async def states(connection: AsyncConnection, people: Sequence[int]) -> dict[int, State]:
    """How near each of `people` is, hidden or not."""
    rows = await connection.execute(
        select(Presence.person_id, _HERE_UNTIL, _OPEN_UNTIL)
        .where(Presence.person_id.in_(people))
        .group_by(Presence.person_id)
    )
    now = time.time()
    return dict.fromkeys(people, State.GONE) | {row.person_id: _state(row, now) for row in rows}
