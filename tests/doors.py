"""Both doors side by side: `notifier serve` and `notifier gateway`, one database and Redis."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.event_source import EventSource, Received
from tests.exchange import request
from tests.patience import CEILING_SECONDS, until
from tests.person import Person, Stream
from tests.proc import leaves
from tests.processes import NOTIFIER, START_CEILING_SECONDS, Program, Server, free_port

METRICS_TOKEN = "only for the tests"


class GatewayServer(Program):
    """`notifier gateway`, beside a web server that is running."""

    def __init__(self, folder: Path, web: Server) -> None:
        super().__init__(folder)
        self.port = free_port()
        self._web = web

    async def start(self) -> None:
        bind = f"127.0.0.1:{self.port}"
        await self.launch(NOTIFIER, "gateway", "--bind", bind, env=self._web.environment)

        async def answers() -> bool:
            self.alive()
            try:
                return (await request(self.port, "GET", "/healthz")).status == 200
            except ConnectionError:
                return False

        await until(answers, "the gateway answers", START_CEILING_SECONDS)


@dataclass(frozen=True)
class Door:
    """One way in for streams."""

    name: str
    program: Program
    port: int

    @property
    def pid(self) -> int:
        """The process that serves, whose files and memory are counted."""
        (pid,) = leaves(self.program.pid)
        return pid

    def visitor(self, person: Person) -> Person:
        """The same signed-in person, at this door."""
        visitor = Visitor(self.port, person.username, person.password)
        visitor.cookies = person.cookies
        return visitor

    async def metrics(self) -> dict[str, float]:
        """The process's figures, by name."""
        headers = [("Authorization", f"Bearer {METRICS_TOKEN}")]
        answer = await request(self.port, "GET", "/metrics", headers)
        assert answer.status == 200, answer.text
        lines = re.findall(r"^(notifier_\S+) (\S+)$", answer.text, re.MULTILINE)
        return {name: float(value) for name, value in lines}

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def resident_kilobytes(self) -> int:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1])

    async def streams(self, number: int, within: float = CEILING_SECONDS) -> None:
        """Wait until exactly `number` streams are open here."""

        async def as_many() -> bool:
            return (await self.metrics())["notifier_streams"] == number

        await until(as_many, f"{number} streams at the {self.name}", within)

    async def live(self, number: int) -> None:
        """Wait until exactly `number` streams are open here and none of them is behind."""

        async def all_live() -> bool:
            figures = await self.metrics()
            return figures["notifier_streams"] == number and not figures["notifier_streams_behind"]

        await until(all_live, f"{number} live streams at the {self.name}")

    @asynccontextmanager
    async def unharmed(self, within: float = CEILING_SECONDS) -> AsyncIterator[None]:
        """Whatever is done inside: afterwards every count is back and the door still opens."""
        before = await self.metrics()
        files = self.open_files()
        yield
        await self.streams(int(before["notifier_streams"]), within)
        tasks = before["notifier_asyncio_tasks"] + TASKS_OF_REQUESTS

        async def as_few_tasks() -> bool:
            return (await self.metrics())["notifier_asyncio_tasks"] <= tasks

        await until(as_few_tasks, "its tasks back", within)
        # The one that asks for figures may be among them, and a pool may have grown by some.
        await until(lambda: self.open_files() <= files + POOLED_FILES, "its files back", within)
        assert (await request(self.port, "GET", "/healthz")).status == 200


# A request that asks for figures has some of its own, and so has one that just ended.
TASKS_OF_REQUESTS = 8
# Connections of the database's pool, each with a file for its log and its index.
POOLED_FILES = 16


class Visitor(Person):
    """Asks a door directly, as EventSource does on the door's own origin: without `Origin`."""

    def _usual_headers(self) -> dict[str, str]:
        headers = super()._usual_headers()
        del headers["Origin"]
        return headers


class Recording(EventSource):
    """Keeps what came, byte for byte."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = b""

    def feed(self, data: bytes) -> list[Received]:
        self.bytes += data
        return super().feed(data)


@dataclass(frozen=True)
class Doors:
    """Both, and the web server with which people register."""

    server: Server
    web: Door
    gateway: Door

    def named(self, name: str) -> Door:
        return {"web": self.web, "gateway": self.gateway}[name]


DOOR_NAMES = ("web", "gateway")


@asynccontextmanager
async def open_doors(
    folder: Callable[[], Path], redis_url: str, *options: str, **settings: object
) -> AsyncIterator[Doors]:
    """Both doors, started and ended."""
    async with AsyncExitStack() as stack:
        web = Server(
            folder(),
            *options,
            **{"REDIS_URL": redis_url, "NOTIFIER_METRICS_TOKEN": METRICS_TOKEN, **settings},
        )
        stack.push_async_callback(web.stop)
        await web.start()
        gateway = GatewayServer(folder(), web)
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        doors = Door("web", web, web.port), Door("gateway", gateway, gateway.port)
        yield Doors(web, *doors)


def recorded(stream: Stream) -> Recording:
    """Make a stream that was just opened keep its bytes."""
    stream.source = recording = Recording()
    return recording
