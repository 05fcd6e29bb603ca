"""Nodes of a Redis Cluster die, and their replicas take over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crowd import crowd
from tests.integration.test_buses import subscribed
from tests.integration.test_redis_cluster import RECIPIENTS, Connect, connect, on, slot
from tests.patience import until
from tests.redis_kinds import RedisCluster
from tests.sender import Sender, sending
from tests.site import site
from tests.window import windows

__all__ = ["connect"]

PROMISED_SECONDS = 5.0
SLOWEST_SEND_SECONDS = 2.0


@pytest.fixture(scope="module")
async def replicated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisCluster]:
    """With a replica for each master; a test kills one and leaves the rest to the others."""
    kind = RedisCluster(tmp_path_factory.mktemp("replicated"), replicas=True)
    try:
        await kind.start()
        yield kind
    finally:
        await kind.stop()


async def test_a_dead_node_is_trouble_for_its_recipients_only_until_its_replica_takes_over(
    replicated: RedisCluster, connect: Connect
) -> None:
    by_port = on(replicated)
    speaker, _ = await connect(replicated)
    listener, ear = await connect(replicated)
    await subscribed(listener, *RECIPIENTS)
    victim = replicated.owner(slot(1))
    spared = next(theirs[0] for port, theirs in by_port.items() if port != victim.port)
    await victim.kill()
    await until(lambda: listener.trouble, "it is noticed", PROMISED_SECONDS)
    speaker.publish(spared, b"on another node")
    await ear.hears((spared, b"on another node"), within=1.0)
    gaps = ear.gaps
    await replicated.another_owner(slot(1), victim)
    await until(lambda: not listener.trouble, "all is well", PROMISED_SECONDS)
    assert ear.gaps > gaps, "everybody is behind"
    await until(lambda: not speaker.trouble, "all is well there too", PROMISED_SECONDS)
    ear.heard.clear()
    for recipient in RECIPIENTS:
        speaker.publish(recipient, b"again")
    await ear.hears_of_each(*((recipient, b"again") for recipient in RECIPIENTS))


async def test_streams_are_exact_while_slots_move_and_a_node_dies(
    replicated: RedisCluster, tmp_path: Path
) -> None:
    never = {"NOTIFIER_RECONCILE_SECONDS": 600}
    async with site(tmp_path, workers=1, gateways=1, REDIS_URL=replicated.url, **never) as here:
        harry, *others = await crowd(here.server, 7)
        sender = Sender(harry.at(here.server.port), others)
        async with windows(others, here.ports) as opened, sending([sender]):
            await until(lambda: len(sender.confirmed) > 6, "the precondition: sends")
            for somebody in others[:3]:
                replicated.move(slot(somebody.id, "notifier"))
            await goes_on(sender)
            lost, victim = next(
                (slot(somebody.id, "notifier"), owner)
                for somebody in others
                if (owner := replicated.owner(slot(somebody.id, "notifier")))
                and replicated.has_replica(owner)
            )
            await victim.kill()
            await until(here.degraded, "it is noticed", PROMISED_SECONDS)
            await replicated.another_owner(lost, victim)
            await until(here.ready, "all is well", PROMISED_SECONDS)
            await goes_on(sender)
            sender.recipients = ()
            await here.exact(opened, sender)
        assert not sender.refused
        assert sender.slowest_seconds < SLOWEST_SEND_SECONDS


async def goes_on(sender: Sender) -> None:
    already = len(sender.confirmed)
    await until(lambda: len(sender.confirmed) > already + 6, "sends go on")
