"""aiosqlite with one trip to its thread for a statement instead of four.

aiosqlite runs each call of a cursor on the connection's thread: making it, executing, fetching,
closing. A trip costs some 50 µs of CPU on both sides, more than most of our statements. Here a
cursor is made and closed without one, `execute` brings its rows along, and `BEGIN` travels with
the first statement after it. SQLAlchemy's dialect is given these connections through its
`async_creator_fn`. Nothing else about aiosqlite changes: one thread a connection, in order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, cast

import aiosqlite

Result = TypeVar("Result")


class Cursor:
    """As much of a cursor as SQLAlchemy asks for, with all rows already here."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Any = ()) -> Self:
        if operation.startswith("BEGIN"):
            self._connection.begin_with_next(operation)
            return self
        return await self._run(False, operation, parameters)

    async def executemany(self, operation: str, parameters: Any) -> Self:
        return await self._run(True, operation, parameters)

    async def _run(self, many: bool, operation: str, parameters: Any) -> Self:
        done = await self._connection.run(many, operation, parameters)
        self._rows, self.description, self.rowcount, self.lastrowid = done
        return self

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []


class Connection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors are `Cursor`s."""

    _begin: str | None = None
    _begun = False

    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)

    def begin_with_next(self, begin: str) -> None:
        """Begin a transaction with the next statement, in the same trip."""
        self._begin = begin

    async def run(
        self, many: bool, operation: str, parameters: Any
    ) -> tuple[list[Any], Any, int, int | None]:
        """Execute on the connection's thread; rows, description, row count, last row id."""
        begin, self._begin = self._begin, None
        if begin is not None:
            # Before the trip: a caller that is cancelled meanwhile has a transaction to end.
            self._begun = True

        def work() -> tuple[list[Any], Any, int, int | None]:
            connection = self._conn
            if begin is not None:
                connection.execute(begin)
            execute = connection.executemany if many else connection.execute
            cursor = execute(operation, parameters)
            rows = cursor.fetchall() if cursor.description else []
            done = (rows, cursor.description, cursor.rowcount, cursor.lastrowid)
            cursor.close()
            return done

        return await self._on_thread(work)

    async def commit(self) -> None:
        await self._end(lambda: self._conn.commit())

    async def rollback(self) -> None:
        await self._end(lambda: self._conn.rollback())

    async def _end(self, end: Callable[[], None]) -> None:
        # The pool asks for one more rollback after each transaction; nothing is left to end. A
        # statement that began none is over by itself.
        begun, self._begun, self._begin = self._begun, False, None
        if begun:
            await self._on_thread(end)

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        # aiosqlite has no types here, and this is the one private call: its way to the thread.
        return cast(Result, await cast(Any, self)._execute(work))


async def connect(database: str, **options: Any) -> Connection:
    """Open `database`; `options` are those of `sqlite3.connect`."""
    connection = Connection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    # As SQLAlchemy does it: a process that ends must not wait for a connection's thread.
    connection._thread.daemon = True
    await connection
    return connection
