"""SQLite's transactions that are made often: all of one's statements in a single trip to a thread.

On an `AsyncConnection` each statement goes to aiosqlite's thread and back, through SQLAlchemy's
greenlets: some 400 µs of CPU, where SQLite itself needs 60. A send has eight. What is made a few
times a second is better off in the open; what is made for every message comes here, and is written
exactly as for an `AsyncConnection`, for on PostgreSQL it runs on one.

A query that is its own transaction, as the look-up of who is signed in, goes to the driver itself:
SQLAlchemy writes its text, once. What SQLAlchemy does besides to execute a statement is another
120 µs, and 300 in a process that has just slept. Its rows come as one JSON text: for each row the
driver lets go of the interpreter's lock and takes it again, and a loop that is busy meanwhile hands
it over as often: four system calls and a switch of threads for each stream that connected.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, func, select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Float, Integer, NullType, String

from notifier.models import AnySelect

Result = TypeVar("Result")
# What runs inside a transaction, and waits for nothing but its statements.
Work = Callable[[AsyncConnection], Coroutine[Any, Any, Result]]

# One writes, and two look up who is signed in, for requests and for streams: neither waits for a
# commit.
TRIPS_AT_ONCE = 3
# The app has two queries of this kind; who makes another for every call pays as before.
TEXTS_MOST = 32
# Columns of a query whose rows come as JSON; one without a type is what JSON was asked for.
JSON_HAS = (Integer, Float, String, NullType)


class Trips:
    """A few threads, each with a connection of its own while it needs one."""

    def __init__(
        self,
        url: URL,
        timeout_seconds: float,
        prepare: Callable[[Engine], None],
        counted: Callable[[], None],
    ) -> None:
        self._engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            pool_size=TRIPS_AT_ONCE,
            max_overflow=0,
            hide_parameters=True,
            # A connection is lent to one thread after the other, never to two.
            connect_args={"timeout": timeout_seconds, "check_same_thread": False},
        )
        prepare(self._engine)
        self._writing = self._engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        # Called for each query that SQLAlchemy's events do not tell of.
        self._counted = counted
        self._threads = ThreadPoolExecutor(TRIPS_AT_ONCE, "sqlite")
        self._closed = False

    async def write(self, work: Work[Result]) -> Result:
        """A transaction that writes; committed when `work` returns, rolled back if it raises."""
        return await self._away(lambda: self._write(work))

    async def fetch(self, query: AnySelect, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of one query: texts, whole numbers, and others to 15 digits."""
        return await self._away(lambda: self._fetch(query, parameters))

    async def close(self) -> None:
        """Wait for the trips that are under way, and give the connections back. From now on
        every other trip raises `ConnectionError`."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._engine.dispose()

    async def _away(self, trip: Callable[[], Result]) -> Result:
        if self._closed:
            # Whoever comes at the very end of a process; its threads would call it our fault.
            raise ConnectionError("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, trip)

    # -- on a thread -----------------------------------------------------------------------

    def _write(self, work: Work[Result]) -> Result:
        with self._writing.begin() as connection:
            return _at_once(work(cast(AsyncConnection, _Here(connection))))

    def _fetch(self, query: AnySelect, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        text = text_of(query)
        values = {**text.constants, **parameters}
        self._counted()
        borrowed = self._engine.raw_connection()
        try:
            driver = cast(sqlite3.Connection, borrowed.driver_connection)
            (rows,) = driver.execute(text.text, [values[name] for name in text.names]).fetchone()
        finally:
            borrowed.close()
        return cast(Sequence[Sequence[Any]], orjson.loads(rows))


class Text(NamedTuple):
    """A query as the driver takes it: with a `?` for each of `names`."""

    text: str
    names: Sequence[str]
    constants: dict[str, Any]


@lru_cache(TEXTS_MOST)
def text_of(query: AnySelect) -> Text:
    """The text of a query that answers with all rows of `query` as one JSON text."""
    rows = query.subquery()
    for column in rows.c:
        if not isinstance(column.type, JSON_HAS):
            raise AssertionError(f"{column} is nothing that JSON has")
    as_one = select(func.json_group_array(func.json_array(*rows.c)))
    compiled = as_one.compile(dialect=SQLiteDialect_pysqlite())
    return Text(compiled.string, compiled.positiontup or (), compiled.params)


class _Here:
    """What `Work` asks of an `AsyncConnection`, by a connection of this very thread: nothing that
    is awaited here ever waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.scalar(statement, parameters)


def _at_once(working: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that never waits, as the plain function it is."""
    try:
        working.send(None)
    except StopIteration as done:
        return cast(Result, done.value)
    working.close()
    raise AssertionError("a transaction waits for nothing but its own statements")
