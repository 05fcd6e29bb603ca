"""Several machines on one: a host is a network namespace with a cable that can be pulled.

Where the machine allows no namespaces a host is a process whose way to the others leads through
a proxy of the tests' own, which swallows everything instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from tests.fault_proxy import FaultProxy, fault_proxy
from tests.processes import PostgresServer, RedisServer, Server, free_port

PIECE_BYTES = 65_536


def allowed() -> bool:
    """Whether namespaces can be made here: it takes root, iproute2 and a kernel that lets us."""
    name = f"try-{secrets.token_hex(3)}"
    try:
        ip("netns", "add", name)
        ip("netns", "exec", name, "true")
        ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Host(Protocol):
    """A machine with a web process and a gateway."""

    server: Server
    gateway_port: int

    def cut_off(self) -> None:
        """Its way to the database and Redis is gone; nothing is closed."""

    def bring_back(self) -> None:
        """The way is there again."""


class HostServer(Server):
    """`notifier serve` inside a namespace; reached through forwarders on the same ports."""

    host = "0.0.0.0"

    def __init__(self, namespace: str, folder: Path, *options: str, **settings: object) -> None:
        super().__init__(folder, *options, **settings)
        self._namespace = namespace

    async def launch(
        self, *command: str | Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        await super().launch("ip", "netns", "exec", self._namespace, *command, env=env, user=user)


class NamespaceHost:
    """Two cables: `front` for browsers, `back` for the database and Redis, which can be pulled."""

    def __init__(self, number: int) -> None:
        mark = secrets.token_hex(3)
        self.namespace = f"host-{mark}"
        self._cables = {"front": f"f{mark}", "back": f"b{mark}"}
        # Of the block for documentation and tests between networks, 198.18.0.0/15.
        self._net = {"front": f"198.18.{number}", "back": f"198.19.{number}"}
        self.server: Server
        self.gateway_port = free_port()

    @property
    def store_address(self) -> str:
        """Where the host finds the database and Redis."""
        return f"{self._net['back']}.1"

    def lay_cables(self) -> None:
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        for name, cable in self._cables.items():
            ip("link", "add", cable, "type", "veth", "peer", "name", name, "netns", self.namespace)
            ip("addr", "add", f"{self._net[name]}.1/24", "dev", cable)
            ip("link", "set", cable, "up")
            ip("-n", self.namespace, "addr", "add", f"{self._net[name]}.2/24", "dev", name)
            ip("-n", self.namespace, "link", "set", name, "up")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("netns", "del", self.namespace)

    def cut_off(self) -> None:
        ip("link", "set", self._cables["back"], "down")

    def bring_back(self) -> None:
        ip("link", "set", self._cables["back"], "up")

    async def forward(self, port: int) -> asyncio.Server:
        """127.0.0.1:port leads to the same port of the host."""

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                back, there = await asyncio.open_connection(f"{self._net['front']}.2", port)
            except OSError:
                writer.transport.abort()
                return
            await asyncio.gather(_pour(reader, there), _pour(back, writer))

        return await asyncio.start_server(carry, "127.0.0.1", port)


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(PIECE_BYTES):
            sink.write(piece)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


class ProxyHost:
    """A process whose way to the database and to Redis leads through proxies."""

    def __init__(self, ways: list[FaultProxy]) -> None:
        self._ways = ways
        self.server: Server
        self.gateway_port = free_port()

    def cut_off(self) -> None:
        for way in self._ways:
            way.swallow()

    def bring_back(self) -> None:
        for way in self._ways:
            way.mend()
            # What was swallowed in the middle of it never comes: TCP would have sent it again.
            way.reset()


@asynccontextmanager
async def hosts(
    folder: Path, redis: RedisServer, postgres: PostgresServer, kind: str, **settings: object
) -> AsyncIterator[list[Host]]:
    """Two hosts with a web process and a gateway each, on one database and one Redis."""
    url = await postgres.new_database()
    async with AsyncExitStack() as stack:
        found: list[Host] = []
        for number in (1, 2):
            (own := folder / f"host-{number}").mkdir()
            if kind == "namespaces":
                host = await _namespace_host(stack, number, own, redis, url, settings)
            else:
                host = await _proxy_host(stack, own, redis, postgres, url, settings)
            stack.push_async_callback(host.server.stop)
            await host.server.start()
            found.append(host)
        yield found


def _options(gateway_bind: str) -> list[str]:
    return ["--gateways", "1", "--gateway-bind", gateway_bind]


async def _namespace_host(
    stack: AsyncExitStack,
    number: int,
    folder: Path,
    redis: RedisServer,
    url: str,
    settings: dict[str, object],
) -> Host:
    # Of the process's own number, so that two runs at once do not share a net.
    host = NamespaceHost((os.getpid() * 2 + number) % 250)
    stack.callback(host.remove)
    host.lay_cables()
    host.server = HostServer(
        host.namespace,
        folder,
        *_options(f"0.0.0.0:{host.gateway_port}"),
        DATABASE_URL=url.replace("127.0.0.1", host.store_address),
        REDIS_URL=redis.url.replace("127.0.0.1", host.store_address),
        **settings,
    )
    for port in (host.server.port, host.gateway_port):
        forwarder = await host.forward(port)
        stack.callback(forwarder.close)
    return host


async def _proxy_host(
    stack: AsyncExitStack,
    folder: Path,
    redis: RedisServer,
    postgres: PostgresServer,
    url: str,
    settings: dict[str, object],
) -> Host:
    to_redis = await stack.enter_async_context(fault_proxy(redis.port))
    to_postgres = await stack.enter_async_context(fault_proxy(postgres.port))
    host = ProxyHost([to_redis, to_postgres])
    host.server = Server(
        folder,
        *_options(f"127.0.0.1:{host.gateway_port}"),
        DATABASE_URL=url.replace(f":{postgres.port}/", f":{to_postgres.port}/"),
        REDIS_URL=redis.url.replace(f":{redis.port}/", f":{to_redis.port}/"),
        **settings,
    )
    return host
