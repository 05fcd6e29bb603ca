"""A Redis Cluster: which node has which of the 16,384 slots, and so which channels.

Sharded pub/sub (Redis 7) keeps a channel on the node of its slot, so an event costs one node
and not, as PUBLISH does in a cluster, all of them. This module only knows the map; that it has
become old is told by who meets MOVED, a lost subscription or a dead node.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.crc import key_slot
from redis.exceptions import RedisError

from notifier.redis_addresses import RedisAddress, closed, closing_is_an_error, opened
from notifier.redis_servers import Node

SLOTS = 16_384
# One node's answer about the map, a new connection included.
ASK_SECONDS = 1.5


class ClusterRedis:
    """The nodes of a cluster, by slot."""

    sharded = True

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._slots: list[Node | None] = [None] * SLOTS
        self._nodes: frozenset[Node] = frozenset()

    @property
    def nodes(self) -> frozenset[Node]:
        return self._nodes

    def node_of(self, channel: bytes) -> Node | None:
        return self._slots[key_slot(channel)]

    def channel_on(self, node: Node, stem: bytes) -> bytes:
        """Tried out: each attempt hits with the node's share of the slots."""
        attempts = (b"%s:%d" % (stem, number) for number in itertools.count())
        # A node with a single slot needs 16,384 attempts on average, some milliseconds.
        for channel in itertools.islice(attempts, 20 * SLOTS):
            if self.node_of(channel) == node:
                return channel
        raise ConnectionError(f"{node[0]}:{node[1]} has no slots any more")

    async def refresh(self) -> bool:
        # At random, so that a node which is cut off with an old map is not believed for long.
        known = [*self._nodes, *(host for host in self._address.hosts if host not in self._nodes)]
        trouble: Exception = ConnectionError("no node of the cluster answers")
        for host, port in random.sample(known, len(known)):
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    slots = await self._ask(host, port)
            except (RedisError, OSError, TimeoutError) as error:
                trouble = error
                continue
            changed = slots != self._slots
            self._slots = slots
            self._nodes = frozenset(node for node in slots if node is not None)
            return changed
        raise trouble

    async def connect(self, node: Node, name: str) -> AbstractConnection:
        return await opened(self._address.connection(name, host=node[0], port=node[1]))

    async def _ask(self, host: str, port: int) -> list[Node | None]:
        connection: Any = await self.connect((host, port), "notifier-map")
        try:
            with closing_is_an_error():
                await connection.send_command("CLUSTER", "SLOTS")
            ranges = await connection.read_response()
        finally:
            closed(connection)
        slots: list[Node | None] = [None] * SLOTS
        for first, last, master, *_replicas in ranges:
            # A node that does not know its own name leaves it empty: it is whom we asked.
            node = (master[0].decode() if master[0] else "", int(master[1]))
            if node[0] in {"", "?"}:
                node = (host, node[1])
            slots[first : last + 1] = [node] * (last + 1 - first)
        if not ranges:
            raise ConnectionError("the cluster has no slots yet")
        return slots
