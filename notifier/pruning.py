"""Dropping what is too old or too much of a recipient's log, and remembering up to where.

Only kept rows go; what replaces older ones of its name is the present state and stays.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.models import Notification, User


async def by_count(connection: AsyncConnection, recipient_id: int, kept_most: int) -> None:
    """Drop a recipient's oldest kept rows beyond `kept_most`."""
    oldest_dropped = await connection.scalar(
        select(Notification.sequence)
        .where(Notification.recipient_id == recipient_id, Notification.kept)
        .order_by(Notification.sequence.desc())
        .offset(kept_most)
        .limit(1)
    )
    if oldest_dropped is not None:
        await _drop(connection, recipient_id, oldest_dropped)


async def by_age(connection: AsyncConnection, before: float, *, people_most: int) -> int:
    """Drop kept rows older than `before`, of at most `people_most` people; how many people."""
    result = await connection.execute(
        select(Notification.recipient_id, Notification.sequence)
        .where(Notification.timestamp < before, Notification.kept)
        .order_by(Notification.timestamp)
        .limit(people_most)
    )
    newest: dict[int, int] = {}
    for row in result:
        newest[row.recipient_id] = max(newest.get(row.recipient_id, 0), row.sequence)
    # In the order of the ids, as everybody who locks several people.
    for recipient_id, sequence in sorted(newest.items()):
        await _drop(connection, recipient_id, sequence)
    return len(newest)


async def _drop(connection: AsyncConnection, recipient_id: int, up_to: int) -> None:
    await connection.execute(
        update(User)
        .where(User.id == recipient_id, User.pruned_sequence < up_to)
        .values(pruned_sequence=up_to)
    )
    await connection.execute(
        delete(Notification).where(
            Notification.recipient_id == recipient_id,
            Notification.kept,
            Notification.sequence <= up_to,
        )
    )
