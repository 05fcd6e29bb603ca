"""The real programs that tests talk to, each on a free port and gone when the test is over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import asyncpg
import h11
from sqlalchemy import text

from notifier.database import Database
from notifier.settings import Settings
from tests.exchange import request
from tests.patience import until
from tests.proc import inode_of, leaves, sockets

# Beside the interpreter that runs the tests: the command as it was installed, entry point and all.
NOTIFIER = Path(sys.executable).with_name("notifier")
START_CEILING_SECONDS = 90.0
# The app's own window for draining, and much more for a busy machine.
STOP_CEILING_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        assert isinstance(port, int)
        return port


def environment(**settings: object) -> dict[str, str]:
    """The machine's environment less every setting of ours, plus `settings`."""
    ours = {"SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "REDIS_URL", "POSTS_PER_PAGE"}
    kept = {k: v for k, v in os.environ.items() if k not in ours and not k.startswith("NOTIFIER_")}
    return kept | {name: str(value) for name, value in settings.items()}


class Program:
    """A process in a group of its own, with its output in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.process: asyncio.subprocess.Process | None = None

    async def launch(
        self, *command: str | Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        """Start `command`, as `user` where that is not who runs the tests."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                env=dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    def alive(self) -> bool:
        assert self.process is not None, "not started"
        assert self.process.returncode is None, f"ended early:\n{self.output()}"
        return True

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        return await self.gone()

    async def kill(self) -> None:
        """End it and all its children at once, with no time for anything."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.gone()

    async def gone(self) -> int:
        assert self.process is not None, "not started"
        try:
            async with asyncio.timeout(STOP_CEILING_SECONDS):
                return await self.process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class RedisServer(Program):
    """A real redis-server that keeps nothing on disk; can be stopped and started again.

    `options` are what redis-server takes; a configuration file comes first among them.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.options = options

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        found = shutil.which("redis-server")
        assert found, "redis-server is missing: scripts/test installs it"
        file = [option for option in self.options[:1] if not option.startswith("--")]
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        await self.launch(found, *file, *own, *self.options[len(file) :], env=environment())

        async def answers() -> bool:
            self.alive()
            with contextlib.suppress(ConnectionError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"PING\r\n")
                reply = await reader.readline()
                writer.close()
                return reply == b"+PONG\r\n" or reply.startswith(b"-NOAUTH")
            return False

        await until(answers, "Redis answers", START_CEILING_SECONDS)


class PostgresServer(Program):
    """A real PostgreSQL, made anew in a folder of its own; fast because it may forget."""

    def __init__(self, *, listen: str = "127.0.0.1", trusted: str = "") -> None:
        self._listen = listen
        # A net that needs no password either.
        self._trusted = trusted
        # PostgreSQL refuses to run as root, and pytest's folders are closed to everybody else.
        self.user = "postgres" if os.getuid() == 0 else None
        super().__init__(Path(tempfile.mkdtemp(prefix="notifier-postgres-")))
        if self.user is not None:
            shutil.chown(self.folder, self.user, self.user)
        self.port = free_port()
        self.databases = itertools.count(1)

    async def start(self) -> None:
        data = str(self.folder / "data")
        if self.process is None:
            make = [_postgres("initdb"), "-D", data, "-U", "notifier", "-A", "trust", "--no-sync"]
            await self.launch(*make, env=environment(), user=self.user)
            assert await self.gone() == 0, self.output()
            if self._trusted:
                with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
                    rules.write(f"host all all {self._trusted} trust\n")
        address = ["-h", self._listen, "-p", str(self.port), "-k", str(self.folder)]
        command = [_postgres("postgres"), "-D", data, *address, "-c", "fsync=off"]
        await self.launch(*command, env=environment(), user=self.user)

        async def answers() -> bool:
            self.alive()
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                await self._execute("SELECT 1")
                return True
            return False

        await until(answers, "PostgreSQL answers", START_CEILING_SECONDS)

    async def new_database(self) -> str:
        """The address of a database that nobody has used."""
        url = self.next_url()
        await self.create(url)
        return url

    def next_url(self) -> str:
        """The address of a database that is not there yet."""
        return f"postgres://notifier@127.0.0.1:{self.port}/notifier{next(self.databases)}"

    async def create(self, url: str, like: str = "template1") -> None:
        """Make the database at `url`, as a copy of another that nobody uses now."""
        names = [one.rpartition("/")[2] for one in (url, like)]
        await self._execute("CREATE DATABASE {} TEMPLATE {}".format(*names))

    async def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        # SIGINT does not wait for its clients to leave, SIGTERM would.
        return await super().stop(how)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="notifier", database="postgres"
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _postgres(program: str) -> str:
    """Debian keeps PostgreSQL's own programs out of the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(program, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))
    assert found, f"PostgreSQL's {program} is missing: scripts/test installs it"
    return found


class Server(Program):
    """`notifier serve`, as an operator starts it, with a database of its own."""

    # A migrated database to copy: migrating takes a second, and one test each is enough of it.
    _migrated: ClassVar[Path | None] = None
    # Set for a run on PostgreSQL: then that is where databases of servers' own are.
    postgres: ClassVar[PostgresServer | None] = None
    _migrated_url: ClassVar[str] = ""
    # What it binds to.
    host = "127.0.0.1"

    def __init__(self, folder: Path, *options: str, **settings: object) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.options = options
        self._own_database = "DATABASE_URL" not in settings
        self._created = False
        self.environment = environment(
            **{
                "SECRET_KEY": "only for the tests, and long enough",
                "DATABASE_URL": Server.postgres.next_url()
                if Server.postgres is not None
                else f"sqlite:///{folder}/notifier.db",
                "NOTIFIER_PUBLIC_URL": self.url,
                "NOTIFIER_RATE_LIMITS": "off",
                # Nobody's browser returns here; what is drained at all is tested where it matters.
                "NOTIFIER_DRAIN_SECONDS": 0.5,
                **settings,
            }
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def run(self, *arguments: str) -> int:
        """One `notifier` command with this server's settings; its exit code."""
        await self._create()
        await self.launch(NOTIFIER, *arguments, env=self.environment)
        return await self.gone()

    async def start(self) -> None:
        if self.process is None:
            await self._migrate()
        bind = f"{self.host}:{self.port}"
        await self.launch(NOTIFIER, "serve", "--bind", bind, *self.options, env=self.environment)

        async def answers() -> bool:
            self.alive()
            # The port is open before a worker on a busy machine has come up to answer on it.
            with contextlib.suppress(ConnectionError, TimeoutError, h11.RemoteProtocolError):
                return (await request(self.port, "GET", "/healthz")).status == 200
            return False

        await until(answers, "the server answers", START_CEILING_SECONDS)

    async def _create(self, like: str = "template1") -> None:
        """The database of its own, where a server must be asked for one."""
        if self._own_database and self.postgres is not None and not self._created:
            await self.postgres.create(self.environment["DATABASE_URL"], like)
            self._created = True

    async def _migrate(self) -> None:
        if not self._own_database or self._created:
            assert await self.run("migrate") == 0, self.output()
        elif self.postgres is not None:
            if not Server._migrated_url:
                assert await self.run("migrate") == 0, self.output()
                # Somebody will use this one, so the copy to copy is another.
                Server._migrated_url = url = self.postgres.next_url()
                await self.postgres.create(url, self.environment["DATABASE_URL"])
            await self._create(Server._migrated_url)
        elif Server._migrated is not None:
            shutil.copy(Server._migrated, self.folder / "notifier.db")
        else:
            assert await self.run("migrate") == 0, self.output()
            Server._migrated = self.folder / "migrated.db"
            shutil.copy(self.folder / "notifier.db", Server._migrated)

    async def sql(self, statement: str, **values: object) -> list[Any]:
        """What the database answers; write SQL that SQLite and PostgreSQL both understand."""
        database = Database(
            Settings.load(
                _env_file=None,
                secret_key=self.environment["SECRET_KEY"],
                database_url=self.environment["DATABASE_URL"],
            )
        )
        try:
            async with database.write() as connection:
                result = await connection.execute(text(statement), values)
                return list(result) if result.returns_rows else []
        finally:
            await database.close()

    def workers(self) -> list[int]:
        """The processes that serve: the children, or the process itself where there are none."""
        return leaves(self.pid)

    def holder(self, remote_port: int) -> int | None:
        """The worker that holds the connection from `remote_port`; None while none has taken it."""
        inode = inode_of(self.port, remote_port)
        return next((pid for pid in self.workers() if inode in sockets(pid)), None)


Started = TypeVar("Started", RedisServer, PostgresServer, Server)


@asynccontextmanager
async def running(program: Started) -> AsyncIterator[Started]:
    """`program`, started, and ended whatever happens, a start that fails included."""
    try:
        await program.start()
        yield program
    finally:
        await program.stop()
