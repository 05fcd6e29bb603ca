"""The bus of many processes: each recipient is a Redis channel.

One Redis, the master of the moment (Sentinel) or the nodes of a cluster: this module knows which
node carries which channel and moves them when a cluster does; what happens on a node is
`redis_node.py`'s. A node that is away is trouble for its channels and for no others.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine

import structlog
from redis.exceptions import RedisError

from notifier.audience import Audience
from notifier.bus import Receiver
from notifier.pulse import Pulse
from notifier.redis_addresses import Kind, RedisAddress
from notifier.redis_cluster import ClusterRedis
from notifier.redis_node import RedisNode
from notifier.redis_publisher import (
    QUEUE_MOST,
    RETRY_FIRST_SECONDS,
    RETRY_MOST_SECONDS,
    Message,
    in_words,
)
from notifier.redis_servers import Node, OneRedis, RedisServers, SentinelRedis

log = structlog.get_logger("notifier.bus")


class RedisBus:
    """Carries each recipient's messages through Redis, of whatever kind."""

    def __init__(
        self, url: str, prefix: str, ca_file: str = "", *, pulse: Pulse | None = None
    ) -> None:
        self._servers = servers_at(RedisAddress.parse(url, ca_file))
        self._pulse = pulse or Pulse()
        self._prefix = f"{prefix}:".encode()
        self._receiver: Receiver | None = None
        # The receiver's own, without a function of ours in between (see `Gateway.ring_for`).
        self.heard: Callable[[Audience, bytes], None] = _nobody
        self._nodes: dict[Node, RedisNode] = {}
        # Channels that no node has at the moment, and messages that a node has sent back.
        self._homeless: dict[bytes, Audience] = {}
        self._returned: list[Message] = []
        self._old = asyncio.Event()
        self._trouble = ""
        self._counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- the Bus protocol ------------------------------------------------------------------

    async def start(self, receiver: Receiver) -> None:
        """Begin; waits for a first attempt to connect, but not for it to succeed."""
        self._receiver = receiver
        self.heard = receiver.received
        tried = asyncio.Event()
        self._old.set()
        self._spawn(self._arrange(tried))
        await tried.wait()
        await asyncio.gather(*(node.tried.wait() for node in self._nodes.values()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(node.stop() for node in self._nodes.values()))
        self._receiver, self.heard = None, _nobody

    def publish(self, recipient_id: int, message: bytes) -> None:
        self._publish((self._channel(recipient_id), message))

    def subscribe(self, audience: Audience) -> asyncio.Future[float] | None:
        channel = self._channel(audience.recipient_id)
        node = self._home(channel)
        if node is None:
            # Everybody is behind once it has found a node.
            self._homeless[channel] = audience
            return None
        return node.subscriptions.add(channel, audience)

    async def settle(self, seconds: float) -> None:
        newest = [node.subscriptions.send() for node in self._nodes.values()]
        if waiting := [future for future in newest if future is not None]:
            await asyncio.wait(waiting, timeout=seconds)

    def unsubscribe(self, recipient_id: int) -> None:
        channel = self._channel(recipient_id)
        self._homeless.pop(channel, None)
        if (node := self._home(channel)) is not None:
            node.subscriptions.remove(channel)

    @property
    def trouble(self) -> str:
        troubles = (node.trouble for node in self._nodes.values() if node.trouble)
        return self._trouble or next(troubles, "")

    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    @property
    def canary_age_seconds(self) -> float:
        return max((node.canary_age_seconds for node in self._nodes.values()), default=0.0)

    # -- what the nodes tell ---------------------------------------------------------------

    def gap(self) -> None:
        if self._receiver is not None:
            self._receiver.gap()

    def lost(self) -> None:
        self._old.set()

    def moved_away(self, channel: bytes, audience: Audience) -> None:
        self._homeless[channel] = audience
        self._old.set()

    def undelivered(self, messages: list[Message]) -> None:
        """This process's own streams hear them all the same, the others by reconcile."""
        self._counts["publish_failed"] += len(messages)
        for channel, data in messages:
            node = self._home(channel)
            channels = self._homeless if node is None else node.subscriptions.channels
            audience = channels.get(channel)
            if audience is not None:
                self.heard(audience, data)

    def misdirected(self, messages: list[Message]) -> None:
        self._returned += messages
        if len(self._returned) > QUEUE_MOST:
            returned, self._returned = self._returned, []
            self.undelivered(returned)
        self._old.set()

    # -- what is where ---------------------------------------------------------------------

    def _channel(self, recipient_id: int) -> bytes:
        return b"%s%d" % (self._prefix, recipient_id)

    def _home(self, channel: bytes) -> RedisNode | None:
        node = self._servers.node_of(channel)
        return None if node is None else self._nodes.get(node)

    def _publish(self, message: Message) -> None:
        node = self._home(message[0])
        if node is None:
            self.undelivered([message])
        else:
            node.publisher.publish(*message)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrange(self, tried: asyncio.Event) -> None:
        """Look where things live whenever somebody found that they do not live there."""
        pause = RETRY_FIRST_SECONDS
        while True:
            await self._old.wait()
            self._old.clear()
            try:
                changed = await self._servers.refresh()
            except Exception as error:
                reason = in_words(error)
                if not isinstance(error, RedisError | OSError | TimeoutError):
                    log.exception("bus_fault")
                elif reason != self._trouble:
                    log.warning("bus_degraded", reason=reason)
                self._trouble = reason
                self._old.set()
                pause = min(pause * 2, RETRY_MOST_SECONDS)
            else:
                self._trouble, pause = "", RETRY_FIRST_SECONDS
                self._settle(changed)
            tried.set()
            # Also after a success: a cluster that moves its slots tells it channel by channel.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    def _settle(self, changed: bool) -> None:
        """Make the nodes, and the channels on them, what the servers say. No `await` in here."""
        if changed or not self._nodes:
            self._change_nodes()
        homeless, self._homeless = self._homeless, {}
        waiting = [self.subscribe(audience) for audience in homeless.values()]
        confirmations = [future for future in waiting if future is not None]
        if confirmations:
            self._spawn(self._gap_after(confirmations))
        returned, self._returned = self._returned, []
        for message in returned:
            self._publish(message)

    def _change_nodes(self) -> None:
        present = self._servers.nodes
        for address in present - self._nodes.keys():
            node = RedisNode(address, self._servers, self, self._prefix, self._counts, self._pulse)
            self._nodes[address] = node
            node.start()
        for address in self._nodes.keys() - present:
            node = self._nodes.pop(address)
            self._homeless |= node.subscriptions.channels
            self._returned += node.publisher.take()
            self._spawn(node.stop())
        for address, node in self._nodes.items():
            for channel, audience in list(node.subscriptions.channels.items()):
                if self._servers.node_of(channel) != address:
                    node.subscriptions.remove(channel)
                    self._homeless[channel] = audience

    async def _gap_after(self, confirmations: list[asyncio.Future[float]]) -> None:
        await asyncio.gather(*confirmations)
        self.gap()


def _nobody(audience: Audience, message: bytes) -> None:
    """Nobody listens yet, or any more."""


def servers_at(address: RedisAddress) -> RedisServers:
    """What finds the nodes of whatever kind of Redis is at `address`."""
    match address.kind:
        case Kind.SENTINEL:
            return SentinelRedis(address)
        case Kind.CLUSTER:
            return ClusterRedis(address)
        case Kind.ONE:
            return OneRedis(address)
