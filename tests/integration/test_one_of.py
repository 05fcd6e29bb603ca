"""Looking up many pairs at once finds those and no others, each by the whole of an index."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event, insert, select

from notifier.engine import Engine
from notifier.messages import find_sent
from notifier.models import Tie
from notifier.one_of import PairsByDialect
from tests.integration.conftest import add_people, both

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
        plan = "\n".join(str(row[-1]) for row in rows)
    step, compared = STEPS[dialect]
    found = {match["table"]: match["by"].count(compared) for match in re.finditer(step, plan)}
    assert found == {"message": 2, "deleted_message": 2}, plan
