"""*Seen* marks: whether the other has read what one wrote.

The table knows (`message.read_at`), and a page that is rendered asks it; a signal tells an open
page at once. It must never store anything, nor tell anybody where one of the two does not show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.discretion import About, Told, What, is_told, may_be_told
from notifier.engine import Engine
from notifier.models import Message

SEEN = "seen"
# Numbers in one signal, whose size is bounded; no screen shows more messages.
IDS_MOST = 100


async def is_shown(connection: AsyncConnection, person_id: int, other_id: int) -> bool:
    """Whether a person's own messages to the other bear marks; else they are all only sent."""
    return await is_told(connection, person_id, What.SEEN, other_id)


async def tell(engine: Engine, reader_id: int, message_ids: Sequence[int]) -> None:
    """Tell the senders' open pages that the reader has read these, as far as the table says so.

    The ids are checked in the query: those of others, or not read, are not told.
    """
    if not message_ids:
        return
    async with engine.database.read() as connection:
        rows = await connection.execute(
            select(Message.id, Message.sender_id, About.username)
            .join(About, About.id == Message.recipient_id)
            .join(Told, Told.id == Message.sender_id)
            .where(
                Message.recipient_id == reader_id,
                Message.id.in_(message_ids),
                Message.read_at.is_not(None),
                may_be_told(What.SEEN),
            )
            .order_by(Message.sender_id, Message.id)
        )
        by_sender = [(key, list(some)) for key, some in groupby(rows, lambda row: row.sender_id)]
    for sender_id, found in by_sender:
        for start in range(0, len(found), IDS_MOST):
            part = found[start : start + IDS_MOST]
            ids = [row.id for row in part]
            payload = {"by": part[0].username, "up_to": ids[-1], "ids": ids}
            await engine.signal(sender_id, SEEN, payload)
