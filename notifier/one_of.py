"""Many values as one parameter: `column = one of these`, two columns one of these pairs, or the
values as rows to join with.

SQLAlchemy's expanding `IN` writes another statement for each number of values, which is compiled,
parsed and planned anew. As one parameter (JSON for SQLite, an array for PostgreSQL) the statement
stays the same, at half the cost for two hundred values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from sqlalchemy import ColumnElement, Executable, FromClause, and_, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

Column = InstrumentedAttribute[Any]
# Makes the condition that a column is one of a parameter's values.
OneOf = Callable[[Column, str], ColumnElement[bool]]
# Makes what to join, and on what, so that two columns are one of the query's pairs. (A condition
# with a pair of columns on its left uses half of an index on SQLite.)
Joined = tuple[FromClause, ColumnElement[bool]]
PairOf = Callable[[Column, Column], Joined]
Query = TypeVar("Query", bound=Executable)


class ByDialect(Generic[Query]):
    """A query with `one_of` in it, as each kind of database has to be asked."""

    def __init__(self, make: Callable[[OneOf], Query]) -> None:
        self._sqlite = make(_json)
        self._postgresql = make(_array)

    def __call__(
        self, dialect: str, lists: Mapping[str, Iterable[Any]], **others: Any
    ) -> tuple[Query, dict[str, Any]]:
        """The query and its parameters: `lists` by the names that `one_of` was given."""
        listed = {name: list(values) for name, values in lists.items()}
        if dialect == "sqlite":
            as_json = {name: orjson.dumps(values).decode() for name, values in listed.items()}
            return self._sqlite, {**as_json, **others}
        return self._postgresql, {**listed, **others}


class PairsByDialect(Generic[Query]):
    """A query with `pair_of` in it, as each kind of database has to be asked."""

    def __init__(self, make: Callable[[PairOf], Query]) -> None:
        self._sqlite = make(_json_pairs)
        self._postgresql = make(_array_pairs)

    def __call__(
        self, dialect: str, pairs: Iterable[tuple[Any, Any]]
    ) -> tuple[Query, dict[str, Any]]:
        """The query and its parameters."""
        listed = list(pairs)
        if dialect == "sqlite":
            return self._sqlite, {"pairs": orjson.dumps(listed).decode()}
        sides = {"first": [one for one, _ in listed], "second": [other for _, other in listed]}
        return self._postgresql, sides


class Listed(NamedTuple):
    """A parameter's values as rows of a query: each with its place among them, from 0."""

    rows: FromClause
    value: ColumnElement[Any]
    place: ColumnElement[int]


class ListByDialect(Generic[Query]):
    """A query that joins a list of `column`'s values, as each kind of database has to be asked.

    Where the list leads, as in a look-up by a unique column, SQLite takes half of what `ByDialect`
    costs it, which sorts the values first; and by its place a row needs no value told back.
    """

    def __init__(self, column: Column, make: Callable[[Listed], Query]) -> None:
        self._sqlite = make(_json_rows())
        self._postgresql = make(_array_rows(column))

    def __call__(
        self, dialect: str, values: Sequence[Any], **others: Any
    ) -> tuple[Query, dict[str, Any]]:
        """The query and its parameters."""
        if dialect == "sqlite":
            return self._sqlite, {"listed": orjson.dumps(values).decode(), **others}
        return self._postgresql, {"listed": values, **others}


def _json_rows() -> Listed:
    rows = func.json_each(bindparam("listed")).table_valued("key", "value")
    return Listed(rows, rows.c.value, rows.c.key)


def _array_rows(column: Column) -> Listed:
    listed = func.unnest(bindparam("listed", type_=ARRAY(column.type)))
    rows = listed.table_valued("value", with_ordinality="place").render_derived()
    return Listed(rows, rows.c.value, rows.c.place - 1)


def _json(column: Column, name: str) -> ColumnElement[bool]:
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


def _array(column: Column, name: str) -> ColumnElement[bool]:
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def _json_pairs(first: Column, second: Column) -> Joined:
    pairs = func.json_each(bindparam("pairs")).table_valued("value")
    one, other = (func.json_extract(pairs.c.value, side) for side in ("$[0]", "$[1]"))
    return pairs, and_(first == one, second == other)


def _array_pairs(first: Column, second: Column) -> Joined:
    # Two arrays, read side by side.
    one = bindparam("first", type_=ARRAY(first.type))
    other = bindparam("second", type_=ARRAY(second.type))
    pairs = func.unnest(one, other).table_valued("one", "other").render_derived()
    return pairs, and_(first == pairs.c.one, second == pairs.c.other)
