"""Redis with sentinels: the master changes, and nobody misses anything."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from notifier.redis_bus import RedisBus
from tests.crowd import crowd
from tests.integration.test_buses import Ear, subscribed
from tests.patience import until
from tests.redis_kinds import SERVICE, RedisSentinels
from tests.sender import Sender, sending
from tests.site import site
from tests.window import windows

# An operator is promised five seconds from the moment that there is a master again.
PROMISED_SECONDS = 5.0
SLOWEST_SEND_SECONDS = 2.0


@pytest.fixture
async def own_sentinels(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisSentinels]:
    kind = RedisSentinels(tmp_path_factory.mktemp("sentinels"))
    try:
        await kind.start()
        yield kind
    finally:
        await kind.stop()


async def test_a_failover_loses_nothing_and_sends_go_on(
    tmp_path: Path, own_sentinels: RedisSentinels
) -> None:
    # Reconcile would repair it too: that it is not what does it here is what is tested.
    never = {"NOTIFIER_RECONCILE_SECONDS": 600}
    async with site(tmp_path, workers=1, gateways=1, REDIS_URL=own_sentinels.url, **never) as here:
        harry, gitau, wanjiru = await crowd(here.server, 3)
        sender = Sender(harry.at(here.server.port), [gitau, wanjiru])
        async with windows([gitau, wanjiru], here.ports, each=2) as opened, sending([sender]):
            await until(lambda: len(sender.confirmed) > 5, "the precondition: sends")
            master = own_sentinels.master
            await master.kill()
            await until(here.degraded, "it is noticed", PROMISED_SECONDS)
            await own_sentinels.another_master(master)
            await until(here.ready, "all is well", PROMISED_SECONDS)
            already = len(sender.confirmed)
            await until(lambda: len(sender.confirmed) > already + 5, "sends go on")
            sender.recipients = ()
            await here.exact(opened, sender)
        assert not sender.refused
        assert not sender.unanswered
        assert sender.slowest_seconds < SLOWEST_SEND_SECONDS


async def test_two_frozen_sentinels_of_three_do_not_matter(own_sentinels: RedisSentinels) -> None:
    for sentinel in own_sentinels.sentinels[:2]:
        os.kill(sentinel.pid, signal.SIGSTOP)
    bus, ear = _bus(own_sentinels), Ear()
    await bus.start(ear)
    await subscribed(bus, 1)
    bus.publish(1, b"found")
    await ear.hears((1, b"found"))
    await bus.stop()


async def test_sentinels_that_know_no_such_master_are_trouble_said_once(
    sentinels: RedisSentinels,
) -> None:
    with capture_logs() as lines:
        bus = RedisBus(sentinels.url.replace(SERVICE, "another"), "tests")
        await bus.start(Ear())
        await until(lambda: bus.counts().get("disconnected", 0) >= 3, "it tries on")
        assert "No master found for 'another'" in bus.trouble
        await bus.stop()
    assert [line["event"] for line in lines] == ["bus_degraded"]


def _bus(at: RedisSentinels) -> RedisBus:
    return RedisBus(at.url, "tests")
