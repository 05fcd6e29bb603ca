"""The engine and its transactions: `read()` sees one snapshot, `write()` is alone or fails.

A transaction is a short `async with`; nothing here may be held while a stream waits.

SQLite: the driver's own transactions are switched off and each one begins with an explicit
`BEGIN` or `BEGIN IMMEDIATE`. With the defaults, two read-modify-writes read the same number and
the second overwrites the first without an error; with `BEGIN IMMEDIATE` they queue.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from notifier import sqlite_driver
from notifier.errors import Unavailable
from notifier.models import AnySelect
from notifier.settings import Settings
from notifier.sqlite_trips import Result, Trips, Work

# SQLite has one writer at a time, so more connections than a few readers gain nothing.
SQLITE_CONNECTIONS = 5
# How much longer than one statement a transaction may be silent before the server ends it.
IDLE_FACTOR = 2
# PostgreSQL's classes of errors that pass by themselves: connection trouble (08), insufficient
# resources (53), operator intervention (57), serialization and deadlock (40), locks (55).
# https://www.postgresql.org/docs/15/errcodes-appendix.html
_PASSING_SQLSTATES = ("08", "53", "57", "40", "55", "25006")
# SQLite's: busy, locked, out of memory, read-only, interrupted, input/output, full, cannot open.
# Everything else ("no such table") is a fault of ours. https://www.sqlite.org/rescode.html
_SQLITE_PASSING = frozenset({5, 6, 7, 8, 9, 10, 13, 14})
SQLITE_BUSY = 5
# An extended code carries the primary one in its low byte.
_SQLITE_PRIMARY = 0xFF


class Database:
    """One process's way to the database."""

    def __init__(self, settings: Settings) -> None:
        url = settings.sqlalchemy_url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.engine = _engine(settings)
        self.dialect = self.engine.dialect.name
        # Without a BEGIN, a statement is its own transaction.
        self._without_begin = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # Statements sent so far: what shows that waiting streams cost none.
        self.queries = 0
        event.listen(self.engine.sync_engine, "before_cursor_execute", self._count)
        self._trips: Trips | None = None
        if self.is_sqlite:
            self._trips = Trips(
                url, settings.database_timeout_seconds, self._prepare_trips, self._count
            )
        # Our own writers queue here, first come first served, instead of polling SQLite's lock.
        self._writer = asyncio.Lock()
        # Loop time at which a writer of ours last gave up waiting for another program's.
        self._locked_at = 0.0
        self._timeout_seconds = settings.database_timeout_seconds

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; all its queries see the same snapshot.

        Raises `Unavailable` when the database cannot be reached, is locked or full.
        """
        async with _translated(), self.engine.connect() as connection:
            if not self.is_sqlite:
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            async with connection.begin():
                yield connection

    async def fetch(self, query: AnySelect, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of one query, which sees one snapshot by itself: cheaper than `read`.

        By their places; on SQLite texts and numbers only, those that are not whole to 15 digits.

        Raises `Unavailable` as `read` does.
        """
        async with _translated():
            if self._trips is not None:
                return await self._trips.fetch(query, parameters)
            async with self._without_begin.connect() as connection:
                return (await connection.execute(query, parameters)).all()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; committed when the block ends, rolled back if it raises.

        Raises `Unavailable` as `read` does; then nothing was stored.
        """
        async with _translated():
            if not self.is_sqlite:
                async with self.engine.begin() as connection:
                    yield connection
                return
            async with self._alone(), self.engine.connect() as connection:
                await connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    yield connection

    async def write_at_once(self, work: Work[Result]) -> Result:
        """As `write`, for what is written with every message: `work` gets the connection and may
        wait for nothing but its statements; on SQLite all of it is one trip to a thread.

        Raises `Unavailable` as `read` does; then nothing was stored.
        """
        if self._trips is None:
            async with self.write() as connection:
                return await work(connection)
        async with _translated(), self._alone():
            return await self._trips.write(work)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """This process's turn to write to SQLite."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.timeout(self._timeout_seconds):
            await self._writer.acquire()
        try:
            if self._locked_at > begun:
                # The one before us waited for the file's lock as long as anybody may. To wait
                # as long again would be twice what is promised.
                raise Unavailable()
            yield
        except DBAPIError as error:
            if _sqlite_code(error.orig) == SQLITE_BUSY:
                self._locked_at = loop.time()
            raise
        finally:
            self._writer.release()

    def _prepare_trips(self, engine: Engine) -> None:
        _prepare_sqlite(engine)
        event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_: Any) -> None:
        self.queries += 1

    async def ping(self) -> None:
        """Raises `Unavailable` unless a query is answered."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give every connection back to the operating system."""
        if self._trips is not None:
            await self._trips.close()
        await self.engine.dispose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """What passes by itself becomes `Unavailable`; faults of ours stay what they are."""
    try:
        yield
    except (PoolTimeoutError, TimeoutError, ConnectionError, OSError) as error:
        raise Unavailable() from error
    except DBAPIError as error:
        if _passes(error):
            raise Unavailable() from error
        raise
    except sqlite3.Error as error:
        if _sqlite_code(error) in _SQLITE_PASSING:
            raise Unavailable() from error
        raise


def _sqlite_code(error: BaseException | None) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & _SQLITE_PRIMARY


def _passes(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    sqlite_code = _sqlite_code(error.orig)
    if sqlite_code is not None:
        return sqlite_code in _SQLITE_PASSING
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate:
        return str(sqlstate).startswith(_PASSING_SQLSTATES)
    # asyncpg's own, without a code: a connection that is closed or was never made.
    return isinstance(error, InterfaceError | OperationalError)


def _engine(settings: Settings) -> AsyncEngine:
    url = settings.sqlalchemy_url
    seconds = settings.database_timeout_seconds
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            pool_size=settings.database_pool,
            max_overflow=0,
            pool_timeout=seconds,
            hide_parameters=True,
            # A database that restarted has cut its connections: notice before using one.
            pool_pre_ping=True,
            connect_args={
                # A prepared statement stays while it is used enough. To forget it after some time
                # takes a timer, and a loop that has one starts a clock for each of its waits.
                "max_cached_statement_lifetime": 0,
                "timeout": seconds,
                "command_timeout": seconds,
                # A process that was cut off in the middle of a transaction must not keep its
                # locks from the others until TCP gives up, hours later.
                "server_settings": {
                    "idle_in_transaction_session_timeout": str(int(IDLE_FACTOR * seconds * 1000))
                },
            },
        )
    engine = create_async_engine(
        url,
        pool_size=SQLITE_CONNECTIONS,
        max_overflow=0,
        pool_timeout=seconds,
        # An error that nobody expected is logged, and texts and addresses must not be.
        hide_parameters=True,
        connect_args={"timeout": seconds, "async_creator_fn": sqlite_driver.connect},
    )
    _prepare_sqlite(engine.sync_engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """What each of its connections is told, and how its transactions begin."""

    @event.listens_for(engine, "connect")
    def prepare(dbapi_connection: Any, _record: Any) -> None:
        # None: the driver begins nothing by itself, see `begin` below.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        # Readers and the writer do not wait for each other; it stays set in the file.
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # FULL is what makes "stored before it is answered" true when the power fails too.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        how = connection.get_execution_options().get("sqlite_begin", "BEGIN")
        if how:
            connection.exec_driver_sql(how)
