"""Looking up many at once finds those and no others, each by the whole of an index."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text

from notifier import signed_in
from notifier.engine import Engine
from notifier.messages import find_sent
from notifier.models import Tie
from notifier.one_of import PairsByDialect
from notifier.sqlite_trips import text_of
from tests.integration.conftest import add_people, both
from tests.integration.conftest import signed_in as sign_in

TIES = PairsByDialect(
    lambda pair_of: select(Tie.person_id, Tie.other_id).join(*pair_of(Tie.person_id, Tie.other_id))
)


@both
async def test_pairs_are_found_as_pairs(engine: Engine) -> None:
    a, b, c = await add_people(engine.database, "harry", "gitau", "third")
    stored = [(a, b), (b, a), (a, c), (c, b)]
    async with engine.database.write() as connection:
        await connection.execute(
            insert(Tie), [{"person_id": one, "other_id": other} for one, other in stored]
        )
    async with engine.database.read() as connection:
        for asked in ([(a, b), (c, a), (c, b)], [(b, c)], []):
            rows = await connection.execute(*TIES(connection.dialect.name, asked))
            found = {(row[0], row[1]) for row in rows}
            assert found == set(asked) & set(stored)


# One table's part of a plan, and how often a column is compared there by way of an index.
STEPS = {
    "sqlite": (r"SEARCH (?P<table>\w+) USING (?P<by>.*)", "=?"),
    "postgresql": (
        r"Index (?:Only )?Scan using \w+ on (?P<table>\w+).*\n *(?P<by>Index Cond.*)",
        " = ",
    ),
}


def by_index(dialect: str, rows: Iterable[Any]) -> dict[str, int]:
    """The tables of a plan that are searched, and how many columns by way of an index."""
    plan = "\n".join(str(row[-1]) for row in rows)
    step, compared = STEPS[dialect]
    found = {match["table"]: match["by"].count(compared) for match in re.finditer(step, plan)}
    assert found, plan
    return found


@both
async def test_what_was_sent_is_found_by_sender_and_key_together(engine: Engine) -> None:
    """However many messages a sender has: the plan says so."""
    dialect = engine.database.dialect
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    async with engine.database.read() as connection:
        if dialect == "postgresql":
            # It would rather read the whole of an empty table.
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            await connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await find_sent(connection, [(1, "a")])
        ((statement, values),) = asked
        explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
        rows = await connection.exec_driver_sql(f"{explain} {statement}", values)
        assert by_index(dialect, rows) == {"message": 2, "deleted_message": 2}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_is_signed_in_is_found_by_index_whatever_was_counted(engine: Engine) -> None:
    """SQLite plans by what ANALYZE counted, and that may have been long ago, with few people: from
    then on an inner join would walk all sign-ins, and the list for each."""
    for person_id in await add_people(engine.database, *"abcde"):
        await sign_in(engine, person_id)
    for query in (signed_in._FIND, signed_in._VALID):
        asked, values = query("sqlite", ["1"], now=1.0)
        async with engine.database.write() as connection:
            await connection.execute(text("ANALYZE"))
            as_asked = text_of(asked)
            explained = f"EXPLAIN QUERY PLAN {as_asked.text}"
            places = tuple(values[name] for name in as_asked.names)
            rows = list(await connection.exec_driver_sql(explained, places))
        assert by_index("sqlite", rows) == {"sign_in": 1, "user": 1}
