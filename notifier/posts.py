"""The common page: what everybody writes for everybody.

It must never notify: a post is for whoever looks, and rings nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import text
from notifier.database import Database
from notifier.models import Post, User
from notifier.paging import Page, page_of

BODY_MAX_CHARACTERS = 140


@dataclass(frozen=True, slots=True)
class Written:
    """One post as a page shows it."""

    id: int
    author: str
    body: str
    posted_at: float


async def write(database: Database, author_id: int, body: str) -> int:
    """Store a post and return its id.

    Raises `Refused` for an empty or over-long text and `Unavailable` when it cannot be stored now.
    """
    body = text.checked(body, BODY_MAX_CHARACTERS)
    async with database.write() as connection:
        added = insert(Post).values(author_id=author_id, body=body, posted_at=time.time())
        return int((await connection.execute(added.returning(Post.id))).scalar_one())


async def page(
    connection: AsyncConnection, number: int, per_page: int, *, author_id: int | None = None
) -> Page[Written]:
    """Page `number` of everybody's posts, or of one author's, newest first."""
    query = (
        select(Post.id, User.username, Post.body, Post.posted_at)
        .join(User, User.id == Post.author_id)
        .order_by(Post.id.desc())
        .limit(per_page + 1)
        .offset((number - 1) * per_page)
    )
    if author_id is not None:
        query = query.where(Post.author_id == author_id)
    rows = [Written(*row) for row in await connection.execute(query)]
    return page_of(rows, number, per_page)
