"""A Redis Cluster: slots move, and who listens is moved along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from redis.crc import key_slot
from structlog.testing import capture_logs

from notifier.redis_bus import RedisBus
from tests.integration.test_buses import Ear, subscribed
from tests.patience import until
from tests.redis_kinds import RedisCluster

# Enough that every node has some of them.
RECIPIENTS = range(1, 31)

Connect = Callable[[RedisCluster], Awaitable[tuple[RedisBus, Ear]]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def started(at: RedisCluster) -> tuple[RedisBus, Ear]:
            bus, ear = RedisBus(at.url, "tests"), Ear()
            stack.push_async_callback(bus.stop)
            await bus.start(ear)
            return bus, ear

        yield started


def slot(recipient_id: int, prefix: str = "tests") -> int:
    return key_slot(f"{prefix}:{recipient_id}".encode())


def on(cluster: RedisCluster, prefix: str = "tests") -> dict[int, list[int]]:
    """The recipients by the port of the node that has their slot."""
    found: dict[int, list[int]] = {}
    for recipient in RECIPIENTS:
        found.setdefault(cluster.owner(slot(recipient, prefix)).port, []).append(recipient)
    return found


async def test_each_recipient_costs_the_node_of_their_slot_only(
    cluster: RedisCluster, connect: Connect
) -> None:
    assert len(on(cluster)) == 3, "the precondition: all nodes have some"
    speaker, _ = await connect(cluster)
    listener, ear = await connect(cluster)
    await subscribed(listener, *RECIPIENTS)
    for recipient in RECIPIENTS:
        speaker.publish(recipient, b"%d" % recipient)
    await ear.hears_of_each(*((recipient, b"%d" % recipient) for recipient in RECIPIENTS))


async def test_a_slot_that_moves_takes_its_recipients_along(
    cluster: RedisCluster, connect: Connect
) -> None:
    listener, ear = await connect(cluster)
    await subscribed(listener, *RECIPIENTS)
    speaker, _ = await connect(cluster)
    gaps = ear.gaps
    with capture_logs() as lines:
        old = cluster.owner(slot(1))
        new = cluster.move(slot(1))
        assert new is not old
        await until(lambda: ear.gaps > gaps, "whoever is there may have missed something")
        # The speaker has the old map and is told by the old node that it is old.
        speaker.publish(1, b"heard at the new node")
        await ear.hears((1, b"heard at the new node"))
    assert "bus_degraded" not in {line["event"] for line in lines}, "a move is no trouble"
    listener.unsubscribe(1)
    await subscribed(listener, 1)
    speaker.publish(1, b"again")
    await ear.hears((1, b"heard at the new node"), (1, b"again"))


async def test_who_subscribes_by_an_old_map_is_subscribed_all_the_same(
    cluster: RedisCluster, connect: Connect
) -> None:
    listener, ear = await connect(cluster)
    cluster.move(slot(2))
    gaps = ear.gaps
    await subscribed(listener, 2)
    await until(lambda: ear.gaps > gaps, "everybody is behind once it holds")
    listener.publish(2, b"heard")
    await ear.hears((2, b"heard"))
