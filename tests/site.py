"""A whole installation: web workers, gateways and a Redis of its own, for tests that do harm."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.exactness import exact
from tests.exchange import request
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.proc import is_a
from tests.processes import RedisServer, Server, free_port, running
from tests.sender import Sender
from tests.window import Window

# Short, so that what only reconcile repairs is repaired within a test.
RECONCILE_SECONDS = 2.0
# A period with its jitter, the catch up itself, and a machine with other things to do.
WITHIN_T_SECONDS = RECONCILE_SECONDS * 1.2 + 20.0
METRICS_TOKEN = "only for the tests"
# Reconcile must not be what repairs, where something else has to.
NO_RECONCILE_SECONDS = 3_600


def injected_path() -> str:
    """A PYTHONPATH with which the faults of tests/injected come into a process."""
    injected = str(Path(__file__).with_name("injected"))
    return os.pathsep.join(filter(None, [injected, os.environ.get("PYTHONPATH")]))


@dataclass
class Site:
    """`network` stands between the app and its Redis."""

    server: Server
    redis: RedisServer
    network: FaultProxy
    gateway_port: int

    @property
    def ports(self) -> list[int]:
        """Both doors."""
        return [self.server.port, self.gateway_port]

    def workers(self) -> list[int]:
        return self._processes("web")

    def gateways(self) -> list[int]:
        return self._processes("gateway")

    def _processes(self, kind: str) -> list[int]:
        return [pid for pid in self.server.workers() if is_a(kind, pid)]

    async def ready(self) -> bool:
        """Both doors say that they can serve, each as often as it has processes and more."""
        for port in self.ports * 4:
            if (await request(port, "GET", "/readyz")).status != 200:
                return False
        return True

    async def degraded(self) -> bool:
        """Both doors say that the bus is in trouble."""
        for port in self.ports:
            answer = await request(port, "GET", "/readyz")
            if answer.status != 503 or "bus: degraded" not in answer.text:
                return False
        return True

    async def figure(self, port: int, name: str) -> float:
        """One of the metrics of a process behind `port`, labels included."""
        headers = [("Authorization", f"Bearer {METRICS_TOKEN}")]
        answer = await request(port, "GET", "/metrics", headers)
        found = re.search(rf"^notifier_{re.escape(name)} (\S+)$", answer.text, re.MULTILINE)
        assert found, answer.text
        return float(found[1])

    async def exact(self, windows: list[Window], *senders: Sender, within: float = 15.0) -> None:
        """The check at the end; and nobody wrote a traceback on the way."""
        await exact(self.server, windows, senders, within=within)
        assert "Traceback" not in self.server.output(), self.server.output()


@asynccontextmanager
async def site(
    folder: Path,
    *,
    workers: int = 2,
    gateways: int = 1,
    redis_there: object = True,
    **settings: object,
) -> AsyncIterator[Site]:
    """An installation in `folder`, gone when the block ends."""
    (folder / "redis").mkdir()
    redis, gateway_port = RedisServer(folder / "redis"), free_port()
    if redis_there:
        await redis.start()
    try:
        async with fault_proxy(redis.port) as network:
            server = Server(
                folder,
                *("--workers", str(workers), "--gateways", str(gateways)),
                *("--gateway-bind", f"127.0.0.1:{gateway_port}"),
                **{
                    "REDIS_URL": f"redis://127.0.0.1:{network.port}/0",
                    "NOTIFIER_RECONCILE_SECONDS": RECONCILE_SECONDS,
                    "NOTIFIER_STREAMS_PER_PERSON": 10_000,
                    "NOTIFIER_METRICS_TOKEN": METRICS_TOKEN,
                    **settings,
                },
            )
            async with running(server):
                yield Site(server, redis, network, gateway_port)
    finally:
        if redis.process is not None:
            await redis.kill()
