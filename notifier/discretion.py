"""What people may be told of each other beyond their messages: who is here, what was seen, typing.

`may_be_told` is the one place where that is decided. It is a condition for queries, so nobody can
forget to ask. It must never be copied: whoever wants one more reason to be told nothing (a block)
adds it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import ColumnElement, and_, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from notifier.database import Database
from notifier.models import User
from notifier.safety import has_blocked

# The two people of a question; every query names both.
Told = aliased(User, name="told")
About = aliased(User, name="about")


class What(Enum):
    """What somebody might be told of somebody else."""

    SEEN = "seen"
    PRESENCE = "presence"
    TYPING = "typing"


def may_be_told(what: What) -> ColumnElement[bool]:
    """Whether `Told` may be told `what` of `About`, both in the enclosing query.

    Fair both ways: who does not show it is not shown it. Who has blocked somebody is told nothing
    of them; the other way round nothing changes, for that would tell of the block.
    """
    heard = not_(has_blocked(Told.id, About.id))
    if what is What.SEEN:
        return and_(About.shows_seen, Told.shows_seen, heard)
    if what is What.PRESENCE:
        return and_(About.shows_presence, Told.shows_presence, heard)
    return heard


async def is_told(connection: AsyncConnection, told_id: int, what: What, about_id: int) -> bool:
    """Whether one person may be told `what` of another."""
    found = await connection.scalar(
        select(About.id)
        .join(Told, Told.id != About.id)
        .where(Told.id == told_id, About.id == about_id, may_be_told(what))
    )
    return found is not None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person shows of themselves, as the settings have it."""

    shows_seen: bool
    shows_presence: bool


async def choices(connection: AsyncConnection, person_id: int) -> Choices:
    """A person's choices. Raises `LookupError` when there is no such person."""
    result = await connection.execute(
        select(User.shows_seen, User.shows_presence).where(User.id == person_id)
    )
    row = result.one_or_none()
    if row is None:
        raise LookupError(f"no person {person_id}")
    return Choices(row.shows_seen, row.shows_presence)


async def choose(database: Database, person_id: int, chosen: Choices) -> None:
    """Store a person's choices; they hold from the next question on."""
    async with database.write() as connection:
        await connection.execute(
            update(User)
            .where(User.id == person_id)
            .values(shows_seen=chosen.shows_seen, shows_presence=chosen.shows_presence)
        )
