"""An engine in the test's own process, on a real database file or a real PostgreSQL."""

from __future__ import annotations

import asyncio
import functools
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import insert

from notifier import schema, sign_ins
from notifier.accounts import username_key
from notifier.database import Database
from notifier.engine import Engine
from notifier.models import User
from notifier.settings import Settings
from notifier.signed_in import SignedIn
from tests.databases import OPTION
from tests.doors import Doors, open_doors
from tests.person import Person
from tests.processes import PostgresServer, RedisServer
from tests.redis_kinds import RedisCluster, RedisSentinels

# Timers stand still: what they do is done by the test, when the test wants it.
NEVER_SECONDS = 3_600

# Starts one more engine on the test's database, with settings of its own.
StartEngine = Callable[..., Awaitable[Engine]]


@pytest.fixture(scope="session")
async def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with tables and nobody in it, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "notifier.db"
    await _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
async def sentinels(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisSentinels]:
    """Redis with sentinels, for tests that do it no harm."""
    kind = RedisSentinels(tmp_path_factory.mktemp("sentinels"))
    try:
        await kind.start()
        yield kind
    finally:
        await kind.stop()


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisCluster]:
    """A Redis Cluster, for tests that do it no harm; its slots may be elsewhere afterwards."""
    kind = RedisCluster(tmp_path_factory.mktemp("cluster"))
    try:
        await kind.start()
        yield kind
    finally:
        await kind.stop()


@pytest.fixture
async def postgres_url(postgres: PostgresServer) -> str:
    url = await postgres.new_database()
    await _migrate(url)
    return url


async def _migrate(url: str) -> None:
    database = Database(settings_for(url))
    await schema.migrate(database)
    await database.close()


def settings_for(url: str, **others: object) -> Settings:
    return Settings.load(
        _env_file=None,
        secret_key="only for the tests, and long enough",
        database_url=url,
        **{"reconcile_seconds": NEVER_SECONDS, "redis_url": "", **others},
    )


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    """A database of the test's own: of the run's kind, or of the test's parameter; see `both`."""
    kind = getattr(request, "param", request.config.getoption(OPTION))
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
        assert isinstance(url, str)
        return url
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'notifier.db')}"


# For what the two databases do in different ways: writers that queue, and writers that race.
both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def start_engine(database_url: str) -> AsyncIterator[StartEngine]:
    async with AsyncExitStack() as stack:

        async def started(**settings: object) -> Engine:
            engine = Engine(settings_for(database_url, **settings))
            stack.push_async_callback(engine.stop)
            await engine.start()
            return engine

        yield started


@pytest.fixture
async def engine(start_engine: StartEngine) -> Engine:
    return await start_engine()


async def add_people(database: Database, *names: str) -> list[int]:
    """People without the cost of a password; their ids."""
    now = time.time()
    async with database.write() as connection:
        found = []
        for name in names:
            values = {
                "username": name,
                "username_key": username_key(name),
                "email": f"{name}@example.org",
                "email_key": f"{name}@example.org".casefold(),
                "password_hash": "nobody can sign in with this",
                "created_at": now,
                "last_seen_at": now,
            }
            result = await connection.execute(insert(User).values(values).returning(User.id))
            found.append(int(result.scalar_one()))
    return found


async def signed_in(engine: Engine, person_id: int) -> SignedIn:
    """A new sign-in of a person."""
    async with engine.database.write() as connection:
        auth_id = await sign_ins.start(connection, person_id, remember=False)
    who = await engine.sign_ins.find(auth_id)
    assert who is not None
    return who


async def together(*work: Awaitable[object]) -> list[object]:
    """All of it at once, within a ceiling; exceptions are answers."""
    async with asyncio.timeout(30):
        return await asyncio.gather(*work, return_exceptions=True)


@pytest.fixture(scope="session")
async def hasty(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Doors]:
    """Both doors with short heartbeats and lives, and little room; shared."""
    settings = {
        "NOTIFIER_HEARTBEAT_SECONDS": 0.5,
        "NOTIFIER_STREAM_AGE_SECONDS": 3,
        "NOTIFIER_RECONCILE_SECONDS": 1,
        "NOTIFIER_STREAMS_PER_PERSON": 2,
        "NOTIFIER_STREAMS_PER_ADDRESS": 3,
        "NOTIFIER_RATE_LIMITS": "on",
        # Two installations share the Redis of the tests.
        "NOTIFIER_CHANNEL_PREFIX": "hasty",
    }
    folder = functools.partial(tmp_path_factory.mktemp, "hasty")
    async with open_doors(folder, redis.url, **settings) as doors:
        yield doors


@pytest.fixture(scope="session")
async def lodger(hasty: Doors) -> Person:
    """Who is signed in there."""
    return await joined(hasty, "lodger")


async def joined(doors: Doors, name: str) -> Person:
    """One more person, signed in."""
    person = Person(doors.server.port, name)
    assert (await person.register()).status == 303
    assert (await person.sign_in()).status == 303
    return person
