"""Redis as it is run for more than trying out: with TLS, with sentinels, as a cluster. All real."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis

from notifier.redis_cluster import SLOTS
from tests.patience import until
from tests.processes import RedisServer, free_port

# A replica follows at once instead of waiting whether others come.
NO_DELAY = ("--repl-diskless-sync-delay", "0")
# A failover takes this long at least, and most tests of one wait for it.
DOWN_MILLISECONDS = 500
SERVICE = "notifier-tests"
# Longer than any failover with the times below, on a machine that is busy with other tests.
FAILOVER_CEILING_SECONDS = 30.0


def tell(port: int, *command: str | int) -> Any:
    """One command of somebody at redis-cli; the answer as Redis gave it."""
    with Redis(host="127.0.0.1", port=port, socket_timeout=5, protocol=2) as client:
        client.response_callbacks.clear()
        return client.execute_command(*command)


class Certificates:
    """An authority of the tests' own and a server that it vouches for, as 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "authority.crt"
        self.certificate = folder / "redis.crt"
        self.key = folder / "redis.key"
        authority_key = folder / "authority.key"
        _openssl("authority", self.authority, authority_key, "keyUsage=critical,keyCertSign")
        signed_by = ("-CA", str(self.authority), "-CAkey", str(authority_key))
        _openssl("redis", self.certificate, self.key, "subjectAltName=IP:127.0.0.1", *signed_by)

    def options(self, port: int) -> list[str]:
        """For redis-server, to speak TLS on `port` to whoever knows the authority."""
        return [
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.key)),
            *("--tls-ca-cert-file", str(self.authority)),
        ]


def _openssl(name: str, certificate: Path, key: Path, extension: str, *more: str) -> None:
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-out", str(certificate), "-keyout", str(key), "-addext", extension, *more),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr


class RedisSentinels:
    """A master, a replica, and three sentinels who watch over them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self.servers: list[RedisServer] = []
        self.sentinels: list[RedisServer] = []

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    async def start(self) -> None:
        master = await self._started("one", *NO_DELAY)
        replica = await self._started("two", "--replicaof", "127.0.0.1", str(master.port))
        self.servers = [master, replica]
        await until(partial(_follows, replica), "the replica follows")
        self.sentinels = [await self._sentinel(number, master.port) for number in range(3)]
        for sentinel in self.sentinels:
            await until(partial(_knows_all, sentinel), "it knows the others", 20)

    async def stop(self) -> None:
        await self._stack.aclose()

    @property
    def master(self) -> RedisServer:
        """Who is the master, in the sentinels' eyes."""
        _host, port = tell(self.sentinels[0].port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(server for server in self.servers if server.port == int(port))

    async def another_master(self, old: RedisServer) -> RedisServer:
        """The new master, once all sentinels agree and it is one."""

        def agreed() -> bool:
            command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
            named = {int(tell(sentinel.port, *command)[1]) for sentinel in self.sentinels}
            return old.port not in named and len(named) == 1

        await until(agreed, "the sentinels agree on another master", FAILOVER_CEILING_SECONDS)
        new = self.master
        await until(lambda: tell(new.port, "ROLE")[0] == b"master", "it is the master")
        return new

    async def _started(self, name: str, *options: str) -> RedisServer:
        folder = self._folder / name
        folder.mkdir()
        server = RedisServer(folder, *options)
        self._stack.push_async_callback(server.kill)
        await server.start()
        return server

    async def _sentinel(self, number: int, master_port: int) -> RedisServer:
        # Sentinels keep what they know in their configuration and refuse to start without one.
        file = self._folder / f"sentinel-{number}.conf"
        file.write_text(
            f"sentinel monitor {SERVICE} 127.0.0.1 {master_port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_MILLISECONDS}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        return await self._started(f"sentinel-{number}", str(file), "--sentinel")


def _follows(replica: RedisServer) -> bool:
    return bool(tell(replica.port, "ROLE")[3] == b"connected")


def _knows_all(sentinel: RedisServer) -> bool:
    facts = tell(sentinel.port, "SENTINEL", "MASTER", SERVICE)
    known = dict(zip(facts[::2], facts[1::2], strict=True))
    return bool(known[b"num-other-sentinels"] == b"2" and known[b"num-slaves"] == b"1")


class RedisCluster:
    """Three masters with a third of the slots each, and a replica for each where asked for."""

    def __init__(self, folder: Path, *, replicas: bool = False) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self._count = 6 if replicas else 3
        self.nodes: list[RedisServer] = []

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])
        return f"redis+cluster://{hosts}"

    async def start(self) -> None:
        self.nodes = await asyncio.gather(*(self._started(n) for n in range(self._count)))
        share = SLOTS // 3 + 1
        for number, node in enumerate(self.nodes):
            tell(node.port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            first = number * share
            if number < 3:
                last = min(first + share, SLOTS) - 1
                tell(node.port, "CLUSTER", "ADDSLOTSRANGE", first, last)
            bus_port = self.nodes[0].options[-1]
            tell(node.port, "CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, bus_port)
        await until(self._all_know_all, "every node knows every node", 30)
        for master, replica in zip(self.nodes[:3], self.nodes[3:], strict=False):
            tell(replica.port, "CLUSTER", "REPLICATE", self._id(master))
        await until(self._well, "the cluster is well", 30)

    async def stop(self) -> None:
        await self._stack.aclose()

    def owner(self, slot: int, asked: RedisServer | None = None) -> RedisServer:
        """Whose the slot is, in the eyes of `asked`."""
        for first, last, master, *_ in tell((asked or self._alive()[0]).port, "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == master[1])
        raise AssertionError(f"nobody has slot {slot}")

    def move(self, slot: int) -> RedisServer:
        """Give a slot to another master, as an operator who reshards; to whom."""
        old = self.owner(slot)
        masters = {self.owner(at).port for at in range(0, SLOTS, SLOTS // 64)}
        new = next(node for node in self.nodes if node.port in masters and node is not old)
        tell(new.port, "CLUSTER", "SETSLOT", slot, "IMPORTING", self._id(old))
        tell(old.port, "CLUSTER", "SETSLOT", slot, "MIGRATING", self._id(new))
        for node in (new, old):
            tell(node.port, "CLUSTER", "SETSLOT", slot, "NODE", self._id(new))
        return new

    def has_replica(self, master: RedisServer) -> bool:
        """Whether another node would take over from this one."""
        return bool(tell(master.port, "ROLE")[2])

    async def another_owner(self, slot: int, old: RedisServer) -> RedisServer:
        """Who took over from a dead node, once every other node knows."""

        def known() -> bool:
            return all(self.owner(slot, node) is not old for node in self._alive())

        await until(known, "a replica has taken over", FAILOVER_CEILING_SECONDS)
        return self.owner(slot)

    def _alive(self) -> list[RedisServer]:
        return [n for n in self.nodes if n.process is not None and n.process.returncode is None]

    def _all_know_all(self) -> bool:
        for node in self.nodes:
            known = tell(node.port, "CLUSTER", "NODES").decode().splitlines()
            if len([line for line in known if "handshake" not in line]) != self._count:
                return False
        return True

    def _well(self) -> bool:
        for node in self.nodes:
            if b"cluster_state:ok" not in tell(node.port, "CLUSTER", "INFO"):
                return False
            ranges = tell(node.port, "CLUSTER", "SLOTS")
            if sum(len(one[2:]) for one in ranges) != self._count:
                return False
        return True

    def _id(self, node: RedisServer) -> str:
        return str(tell(node.port, "CLUSTER", "MYID").decode())

    async def _started(self, number: int) -> RedisServer:
        folder = self._folder / f"node-{number}"
        folder.mkdir()
        # Nodes talk to each other on a port of their own, which must be free as well.
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *NO_DELAY]
        node = RedisServer(folder, *options, "--cluster-port", str(free_port()))
        self._stack.push_async_callback(node.kill)
        await node.start()
        return node
