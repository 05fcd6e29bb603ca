"""What every table holds of a person: what an export shows of it, and that deletion takes it.

Every table has a line here, and a test refuses one that has none: so whoever adds a table decides
what becomes of it. Deleting a person's row takes along whatever refers to it (`ON DELETE CASCADE`),
or leaves it without a name (`SET NULL`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.models import Base, User

# Rows that are read, named and written as JSON at a time.
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Belonging:
    """A person's rows of one table: those where one of the columns `whose` is theirs.

    `hidden` columns are left out of an export: secrets, and what others did about this person.
    """

    table: str
    whose: tuple[str, ...]
    hidden: frozenset[str] = frozenset()


BELONGINGS = (
    Belonging("user", ("id",), frozenset({"password_hash", "username_key", "email_key"})),
    Belonging("sign_in", ("user_id",), frozenset({"auth_hash"})),
    Belonging("post", ("author_id",)),
    # Whether a message was withheld or muted is the recipient's secret.
    Belonging(
        "message",
        ("sender_id", "recipient_id"),
        frozenset({"withheld", "quiet", "idempotency_hash", "sequence", "sender_sequence"}),
    ),
    Belonging("conversation", ("person_id",)),
    Belonging("deleted_message", ("sender_id",), frozenset({"idempotency_hash"})),
    Belonging("notification", ("recipient_id",)),
    Belonging("centre", ("person_id",)),
    Belonging("presence", ("person_id",)),
    Belonging("push_subscription", ("person_id",), frozenset({"auth", "p256dh", "endpoint_hash"})),
    Belonging("tie", ("person_id",)),
    # One's own reports; whoever reported somebody is known to the moderators only.
    Belonging("report", ("reporter_id",), frozenset({"moderator_id"})),
)
# Tables of which an export shows nothing, and why. Deletion takes their rows all the same.
NOT_EXPORTED = {
    "reported_text": "copies of others' texts, which the messages and posts show already",
    "export": "the export itself",
    "export_part": "the export itself",
}


def table_of(one: Belonging) -> Table:
    return Base.metadata.tables[one.table]


def condition(one: Belonging, person_id: int) -> ColumnElement[bool]:
    """Which rows of the table are the person's to see."""
    table = table_of(one)
    theirs = or_(*(table.c[column] == person_id for column in one.whose))
    if one.table == "message":
        # What is withheld from its recipient is so here as well.
        return and_(theirs, or_(table.c.sender_id == person_id, ~table.c.withheld))
    return theirs


async def count(connection: AsyncConnection, person_id: int) -> int:
    """How many rows an export of everything has."""
    total = 0
    for one in BELONGINGS:
        asked = select(func.count()).select_from(table_of(one)).where(condition(one, person_id))
        total += await connection.scalar(asked) or 0
    return total


async def rows(
    connection: AsyncConnection, one: Belonging, person_id: int, after: tuple[Any, ...] | None
) -> tuple[list[dict[str, Any]], tuple[Any, ...] | None]:
    """The next rows of a table, and where to go on after them; None when that was all."""
    table = table_of(one)
    key = list(table.primary_key.columns)
    asked = select(table).where(condition(one, person_id)).order_by(*key).limit(ROWS_AT_ONCE)
    if after is not None:
        asked = asked.where(tuple_(*key) > tuple_(*after))
    found = [dict(row._mapping) for row in await connection.execute(asked)]
    last = tuple(found[-1][column.name] for column in key) if len(found) == ROWS_AT_ONCE else None
    people = [column for column in _people(table) if column != "id"]
    ids = {row[column] for row in found for column in people if row[column] is not None}
    named = await connection.execute(select(User.id, User.username).where(User.id.in_(ids)))
    names = {row.id: row.username for row in named}
    return [_shown(one, row, people, names) for row in found], last


def _people(table: Table) -> Iterator[str]:
    """The columns that say who."""
    for column in table.columns:
        if any(key.column.table.name == "user" for key in column.foreign_keys):
            yield column.name


def _shown(
    one: Belonging, row: dict[str, Any], people: list[str], names: dict[int, str]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column, value in row.items():
        if column in one.hidden:
            continue
        if column in people:
            shown[column.removesuffix("_id")] = names.get(value)
        else:
            shown[column] = value
    return shown
