"""What a newcomer may do first, and what of it is done.

It must never write: each step is what the tables say, so nothing can be out of date.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.models import Message, Post, User

_STEPS = select(
    User.about_me != "",
    exists().where(Post.author_id == User.id),
    exists().where(Message.sender_id == User.id),
)


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Which of them are done."""

    about: bool
    post: bool
    message: bool

    @property
    def all_done(self) -> bool:
        return self.about and self.post and self.message


async def first_steps(connection: AsyncConnection, person_id: int) -> FirstSteps:
    row = (await connection.execute(_STEPS.where(User.id == person_id))).one()
    return FirstSteps(*(bool(done) for done in row))
