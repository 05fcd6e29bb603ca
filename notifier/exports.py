"""Copies of everything about a person, made in the background.

A request is a row. Any process takes it up, says so for a while (a lease that it renews as it goes
on), and stores the JSON piece by piece; one that dies is followed by another, which begins anew.
How far it is, is the notification `export_progress`.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import belongings, centre
from notifier.database import Database
from notifier.errors import NotFound
from notifier.events import Event
from notifier.models import AnyRow, Export, ExportPart, Notification

PROGRESS = "export_progress"
KEPT_SECONDS = 7 * 86_400
# How long a process that says nothing is still believed to be at work. A piece takes less than a
# second; a database that is away for longer costs a new beginning, no more.
LEASE_SECONDS = 60
# Of one piece, before it is compressed.
PART_BYTES = 64 * 1024
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """This process's right to make an export, until somebody else has a newer one."""

    export_id: int
    person_id: int
    number: int


class Lost(Exception):
    """Another process has taken the export up, or its person is gone."""


async def ask(connection: AsyncConnection, person_id: int, *, kept_most: int) -> list[Event]:
    """Ask for an export, which replaces the one before; what to publish.

    One that is under way is not begun again.
    """
    present = await find(connection, person_id)
    if present is not None and present.ready_at is None:
        return []
    await connection.execute(delete(Export).where(Export.person_id == person_id))
    result = await connection.execute(
        insert(Export).values(person_id=person_id, requested_at=time.time()).returning(Export.id)
    )
    return await _tell(connection, person_id, result.scalar_one(), 0, kept_most)


async def find(connection: AsyncConnection, person_id: int) -> AnyRow | None:
    """A person's export: `id, requested_at, ready_at, size`; None without one."""
    result = await connection.execute(
        select(Export.id, Export.requested_at, Export.ready_at, Export.size).where(
            Export.person_id == person_id,
            Export.ready_at.is_(None) | (Export.ready_at > time.time() - KEPT_SECONDS),
        )
    )
    return result.one_or_none()


async def percent(connection: AsyncConnection, person_id: int) -> int:
    """How far a person's export was told to be; 0 without one."""
    payload = await connection.scalar(
        select(Notification.payload).where(
            Notification.recipient_id == person_id,
            Notification.name == PROGRESS,
            ~Notification.kept,
        )
    )
    return int(orjson.loads(payload)["percent"]) if payload else 0


async def ready(connection: AsyncConnection, person_id: int, export_id: int) -> AnyRow:
    """A person's own export that can be fetched. Raises `NotFound`."""
    found = await find(connection, person_id)
    if found is None or found.id != export_id or found.ready_at is None:
        raise NotFound("This export is not there, or no longer. You can ask for a new one.")
    return found


async def pieces(database: Database, export_id: int) -> AsyncIterator[bytes]:
    """The JSON, piece by piece; no connection is held while one is on its way."""
    place = 0
    while True:
        async with database.read() as connection:
            data = await connection.scalar(
                select(ExportPart.data).where(
                    ExportPart.export_id == export_id, ExportPart.place == place
                )
            )
        if data is None:
            return
        yield zlib.decompress(data)
        place += 1


async def take_up(database: Database) -> Claim | None:
    """The oldest export that waits for somebody; None when there is none. Drops expired ones."""
    now = time.time()
    expired = Export.ready_at <= now - KEPT_SECONDS
    waiting = Export.ready_at.is_(None) & (Export.claimed_until < now)
    async with database.read() as connection:
        # Most of the time there is nothing to do, and then nothing is locked.
        if await connection.scalar(select(Export.id).where(expired | waiting).limit(1)) is None:
            return None
    async with database.write() as connection:
        await connection.execute(delete(Export).where(expired))
        first = (
            select(Export.id).where(waiting).order_by(Export.id).limit(1).with_for_update()
        ).scalar_subquery()
        result = await connection.execute(
            update(Export)
            .where(Export.id == first, waiting)
            .values(claimed_until=now + LEASE_SECONDS, claim=Export.claim + 1)
            .returning(Export.id, Export.person_id, Export.claim)
        )
        row = result.one_or_none()
        if row is None:
            return None
        await connection.execute(delete(ExportPart).where(ExportPart.export_id == row.id))
    return Claim(row.id, row.person_id, row.claim)


class Making:
    """One export being made by this process."""

    def __init__(
        self,
        database: Database,
        publish: Callable[[Sequence[Event]], None],
        claim: Claim,
        *,
        kept_most: int,
    ) -> None:
        self._database, self._publish, self._claim = database, publish, claim
        self._kept_most = kept_most
        self._buffer = bytearray()
        self._place = self._size = self._done = self._total = 0

    async def make(self) -> None:
        """All of it. Raises `Lost`, and `Unavailable` when another attempt is to follow."""
        async with self._database.read() as connection:
            self._total = await belongings.count(connection, self._claim.person_id)
        head = {"format": FORMAT, "made_at": time.time()}
        self._buffer += orjson.dumps(head)[:-1]
        for one in belongings.BELONGINGS:
            self._buffer += b',\n"%s": [' % one.table.encode()
            await self._table(one)
            self._buffer += b"]"
        self._buffer += b"}\n"
        await self._write(finished=True)

    async def _table(self, one: belongings.Belonging) -> None:
        after: tuple[Any, ...] | None = None
        first = True
        while first or after is not None:
            async with self._database.read() as connection:
                rows, after = await belongings.rows(connection, one, self._claim.person_id, after)
            for row in rows:
                self._buffer += (b"\n" if first else b",\n") + orjson.dumps(row)
                first = False
            self._done += len(rows)
            first = first and bool(rows)
            if len(self._buffer) >= PART_BYTES:
                await self._write()

    async def _write(self, *, finished: bool = False) -> None:
        """Store the piece, say how far it is, and hold on to the claim, in one transaction."""
        now = time.time()
        self._size += len(self._buffer)
        values: dict[str, Any] = {"claimed_until": now + LEASE_SECONDS, "size": self._size}
        if finished:
            values["ready_at"] = now
        # What was written meanwhile makes it more than was counted.
        percent = 100 if finished else min(99, 100 * self._done // max(1, self._total))
        claim = self._claim
        async with self._database.write() as connection:
            kept = await connection.execute(
                update(Export)
                .where(Export.id == claim.export_id, Export.claim == claim.number)
                .values(values)
                .returning(Export.id)
            )
            if kept.one_or_none() is None:
                raise Lost
            await connection.execute(
                insert(ExportPart).values(
                    export_id=claim.export_id,
                    place=self._place,
                    data=zlib.compress(bytes(self._buffer)),
                )
            )
            events = await _tell(
                connection, claim.person_id, claim.export_id, percent, self._kept_most
            )
        self._publish(events)
        self._place += 1
        self._buffer.clear()


async def _tell(
    connection: AsyncConnection, person_id: int, export_id: int, percent: int, kept_most: int
) -> list[Event]:
    payload: dict[str, object] = {"percent": percent}
    if percent == 100:
        payload["link"] = f"/settings/export/{export_id}"
    return await centre.tell(
        connection, person_id, PROGRESS, payload, kept=False, kept_most=kept_most
    )
