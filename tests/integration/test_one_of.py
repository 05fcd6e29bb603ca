"""Looking up many pairs at once finds those and no others, each by the whole of an index."""

from __future__ import annotations

from typing import Any

import pytest
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


async def test_what_was_sent_is_found_by_sender_and_key_together(engine: Engine) -> None:
    """However many messages a sender has: on SQLite the plan says so."""
    if engine.database.dialect != "sqlite":
        pytest.skip("this is about SQLite's planner")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    async with engine.database.read() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await find_sent(connection, [(1, "a")])
        ((statement, values),) = asked
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        steps = [str(row.detail) for row in plan]
    for table in ("message", "deleted_message"):
        (step,) = [one for one in steps if one.startswith(f"SEARCH {table} ")]
        assert step.count("=?") == 2, steps
