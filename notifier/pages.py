"""Lists that are read page by page, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.models import AnyRow, AnySelect

# Offsets grow dear and nobody turns this many pages; it also keeps the offset below 2**63.
PAGE_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its rows, its number (from 1), and whether there are pages beside it."""

    items: Sequence[AnyRow]
    number: int
    has_newer: bool
    has_older: bool


async def paged(connection: AsyncConnection, query: AnySelect, number: int, per_page: int) -> Page:
    """Page `number` of `query`, which brings its own order. One row more tells if there is more."""
    number = min(max(number, 1), PAGE_MOST)
    result = await connection.execute(query.offset((number - 1) * per_page).limit(per_page + 1))
    rows = result.all()
    return Page(rows[:per_page], number, number > 1, len(rows) > per_page)
