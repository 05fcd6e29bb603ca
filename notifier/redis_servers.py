"""Where a channel lives: on the one Redis, on the master of the moment, or on a cluster's node.

The bus asks and connects; it knows no kinds. `redis_cluster.py` holds the third kind.
"""

from __future__ import annotations

from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError

from notifier.redis_addresses import RedisAddress, closing_is_an_error, opened

# Host and port of a cluster's node; for the other kinds the one thing there is.
Node = tuple[str, int]
THE_ONE: Node = ("", 0)


class RedisServers(Protocol):
    """The servers behind one address."""

    @property
    def sharded(self) -> bool:
        """Whether channels are spread over nodes, with Redis 7's SSUBSCRIBE and SPUBLISH."""

    @property
    def nodes(self) -> frozenset[Node]:
        """Every node that has channels, as far as is known."""

    def node_of(self, channel: bytes) -> Node | None:
        """Where a channel lives; None while nobody has it."""

    def channel_on(self, node: Node, stem: bytes) -> bytes:
        """A channel that begins with `stem` and lives on `node`."""

    async def refresh(self) -> bool:
        """Find out anew where everything lives; whether that has changed.

        Raises redis-py's errors when nobody can be asked.
        """

    async def connect(self, node: Node, name: str) -> AbstractConnection:
        """An open connection to a node. Raises redis-py's errors."""


class OneRedis:
    """A single server."""

    sharded = False
    nodes = frozenset({THE_ONE})

    def __init__(self, address: RedisAddress) -> None:
        self._address = address

    def node_of(self, channel: bytes) -> Node | None:
        return THE_ONE

    def channel_on(self, node: Node, stem: bytes) -> bytes:
        return stem

    async def refresh(self) -> bool:
        return False

    async def connect(self, node: Node, name: str) -> AbstractConnection:
        return await opened(self._address.connection(name))


class SentinelRedis(OneRedis):
    """The master that the sentinels name at the moment of connecting."""

    async def connect(self, node: Node, name: str) -> AbstractConnection:
        async with self._address.sentinels() as sentinels:
            host, port = await sentinels.discover_master(self._address.service)
        connection = await opened(self._address.connection(name, host=host, port=port))
        try:
            await _check_is_master(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection


async def _check_is_master(connection: Any) -> None:
    """Sentinels need some seconds to agree: until then they may name a server that no longer is.

    What is published on a replica reaches nobody else, and Redis raises no error.
    """
    with closing_is_an_error():
        await connection.send_command("ROLE")
    try:
        role = await connection.read_response()
    except NoPermissionError:
        return
    if role[0] != b"master":
        raise ConnectionError("the sentinels name a server that is not a master (yet)")
