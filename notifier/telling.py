"""Telling a person any named piece of state: the door for other programs, in Python.

engine = Engine(Settings.load())
await engine.start()
await tell(engine, "harry", "export_progress", {"percent": 40}, kept=False)
await engine.stop()
"""

from __future__ import annotations

from typing import Any

from notifier import accounts, centre
from notifier.engine import Engine


async def tell(engine: Engine, username: str, name: str, payload: Any, *, kept: bool = True) -> int:
    """Record a notification for a person and publish it; its sequence.

    With `kept` it stays in the log; without, it replaces the one before of its name. To record
    it in a transaction of your own, use `centre.tell` and publish after the commit. Raises
    `NotFound`, `ValueError` for a bad name, `Unavailable`; then nothing was recorded.
    """
    async with engine.database.write() as connection:
        person = await accounts.find_person(connection, username)
        events = await centre.tell(
            connection,
            person.id,
            name,
            payload,
            kept=kept,
            kept_most=engine.settings.kept_notifications,
        )
    engine.publish(events)
    return events[0].sequence
