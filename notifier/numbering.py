"""Taking sequences for several people at once, in one statement whatever their number.

`notifications.allot` is the same for one person. As there, the rows stay locked until the
transaction ends, and they are locked in the order of their ids: two transactions that lock the
same people never wait for each other in a ring.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.events import Event
from notifier.notifications import Allotment

# Never backwards, whatever the clock does: `?since=` reads by `last_event_at`.
_SQLITE = text(
    """
    UPDATE "user" SET
        last_sequence = "user".last_sequence + wanted.value,
        last_event_at = max("user".last_event_at, :now)
    FROM json_each(:counts) AS wanted WHERE "user".id = CAST(wanted.key AS INTEGER)
    RETURNING "user".id, "user".last_sequence, "user".last_event_at
    """
)
# An UPDATE by itself locks in whatever order it finds the rows.
_POSTGRESQL = text(
    """
    WITH wanted AS (
        SELECT CAST(key AS bigint) AS id, CAST(value AS bigint) AS count
        FROM jsonb_each_text(CAST(:counts AS jsonb))
    ), locked AS (
        SELECT "user".id, wanted.count FROM "user" JOIN wanted ON wanted.id = "user".id
        ORDER BY "user".id FOR UPDATE OF "user"
    )
    UPDATE "user" SET
        last_sequence = "user".last_sequence + locked.count,
        last_event_at = greatest("user".last_event_at, CAST(:now AS double precision))
    FROM locked WHERE "user".id = locked.id
    RETURNING "user".id, "user".last_sequence, "user".last_event_at
    """
)
_STATEMENTS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


async def allot_all(connection: AsyncConnection, counts: Mapping[int, int]) -> dict[int, Allotment]:
    """Take `counts[person_id]` sequences for each person. Raises `LookupError` if one is gone."""
    rows = await connection.execute(
        _STATEMENTS[connection.dialect.name],
        {
            "counts": orjson.dumps({str(key): count for key, count in counts.items()}).decode(),
            "now": time.time(),
        },
    )
    taken = {
        row.id: Allotment(row.last_sequence - counts[row.id] + 1, row.last_event_at) for row in rows
    }
    if gone := counts.keys() - taken.keys():
        raise LookupError(f"no person {min(gone)}")
    return taken


class Numbers:
    """What was taken, handed out one by one."""

    def __init__(self, taken: Mapping[int, Allotment]) -> None:
        self._taken = taken
        self._next = {person_id: one.first for person_id, one in taken.items()}

    def next(self, person_id: int) -> int:
        """The person's next sequence."""
        sequence = self._next[person_id]
        self._next[person_id] = sequence + 1
        return sequence

    def timestamp(self, person_id: int) -> float:
        """When the person's events of this transaction happened."""
        return self._taken[person_id].timestamp

    def event(self, person_id: int, sequence: int, name: str, payload: Any) -> Event:
        """An event under a number that was handed out."""
        return Event(person_id, sequence, name, payload, self.timestamp(person_id))
