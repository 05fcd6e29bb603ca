"""The common page: what everybody writes for everybody.

It must never notify: a post is for whoever looks, and rings nobody.
"""

from __future__ import annotations

import time

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import texts
from notifier.database import Database
from notifier.languages import Sentence
from notifier.models import Post, User
from notifier.pages import Page, paged
from notifier.safety import hidden_from

POST_MAX_CHARACTERS = 140

_POSTS = (
    select(Post.id, User.username.label("author"), Post.body, Post.posted_at)
    .join(User, User.id == Post.author_id)
    .order_by(Post.id.desc())
)


async def write(database: Database, author_id: int, body: str) -> int:
    """Store a post; its id. Raises `Refused` for an empty or over-long text."""
    body = texts.clean(body, most=POST_MAX_CHARACTERS, what=Sentence("A post"), field="body")
    values = {"author_id": author_id, "body": body, "posted_at": time.time()}
    async with database.write() as connection:
        result = await connection.execute(insert(Post).values(values).returning(Post.id))
        return result.scalar_one()


async def everybody(
    connection: AsyncConnection, person_id: int, number: int, per_page: int
) -> Page:
    """A page of all posts that a person sees, newest first: `id, author, body, posted_at`."""
    seen = _POSTS.where(Post.author_id.not_in(hidden_from(person_id)))
    return await paged(connection, seen, number, per_page)


async def by_author(
    connection: AsyncConnection, author_id: int, number: int, per_page: int
) -> Page:
    """A page of one person's posts, newest first."""
    return await paged(connection, _POSTS.where(Post.author_id == author_id), number, per_page)
