"""Redis restarts, freezes, is cut off, is not there at all: sends succeed and nothing is lost
(F4, F5, F7). Faults that take only seconds are in tests/integration/test_faults_bus.py."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.crowd import crowd
from tests.fault_proxy import FaultProxy
from tests.patience import until
from tests.sender import Sender, sending
from tests.site import NO_RECONCILE_SECONDS, WITHIN_T_SECONDS, Site, site
from tests.window import windows

# 5 s are promised for noticing, and 5 s for repairing; the rest is a busy machine.
NOTICED_CEILING_SECONDS = 5.0 + 3.0
REPAIRED_CEILING_SECONDS = 5.0 + 5.0
# 2 s are promised; a busy machine takes some of its own.
SEND_CEILING_SECONDS = 2.0 + 1.0
# How much is sent while Redis is in trouble: about so many seconds' worth.
SHORT, LONG = 30, 300

Trouble = Callable[[Site], Awaitable[None]]


async def killed(here: Site) -> None:
    await here.redis.kill()


async def started(here: Site) -> None:
    await here.redis.start()


async def stopped(here: Site) -> None:
    os.kill(here.redis.pid, signal.SIGSTOP)


async def continued(here: Site) -> None:
    os.kill(here.redis.pid, signal.SIGCONT)


async def paused(here: Site) -> None:
    async with Redis(host="127.0.0.1", port=here.redis.port) as client:
        await client.client_pause(60_000)


async def unpaused(here: Site) -> None:
    """Answered when the minute is over, and not before: this too is a command."""
    async with Redis(host="127.0.0.1", port=here.redis.port) as client:
        await client.client_unpause()


async def cut(here: Site) -> None:
    here.network.cut()


async def frozen(here: Site) -> None:
    here.network.freeze()


async def half_open(here: Site) -> None:
    here.network.swallow()


async def mended(here: Site) -> None:
    here.network.mend()


TROUBLES = {
    "away for seconds": (killed, started, SHORT),
    "away for half a minute": (killed, started, LONG),
    "stopped": (stopped, continued, SHORT),
    "paused": (paused, unpaused, LONG),
    "cut off": (cut, mended, SHORT),
    "frozen network": (frozen, mended, SHORT),
    "half open": (half_open, mended, SHORT),
}


@asynccontextmanager
async def in_trouble(here: Site, begin: Trouble, end: Trouble) -> AsyncIterator[None]:
    await begin(here)
    try:
        yield
    finally:
        await end(here)


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One installation for all troubles: it must come out of each as it went in."""
    async with site(tmp_path_factory.mktemp("site"), NOTIFIER_DATABASE_TIMEOUT_SECONDS=3) as found:
        yield found


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_sends_go_on_and_everything_arrives_within_a_reconcile_period(
    here: Site, trouble: str
) -> None:
    begin, end, messages = TROUBLES[trouble]
    await until(here.ready, "the precondition: all is well", REPAIRED_CEILING_SECONDS)
    harry, gitau = await crowd(here.server, 2, name=trouble.replace(" ", "-"))
    sender = Sender(harry.at(here.server.port), [gitau])
    async with windows([gitau], here.ports, each=10) as opened:
        async with in_trouble(here, begin, end):
            async with sending([sender]):
                await until(here.degraded, "it is noticed", NOTICED_CEILING_SECONDS)
                await until(lambda: len(sender.tried) >= messages, "sends", within=90)
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
        await until(here.ready, "all is well again", REPAIRED_CEILING_SECONDS)
        await sender.send(gitau)
        await here.exact(opened, sender)
    assert len(sender.confirmed) == len(sender.tried), "no send was refused"
    assert sender.slowest_seconds < SEND_CEILING_SECONDS
    assert all(len(window.opened) == 1 for window in opened), "no stream ended"


async def test_a_redis_that_returns_is_enough(tmp_path: Path) -> None:
    """Without reconcile: who was cut off is behind, and catches up at once."""
    async with site(tmp_path, NOTIFIER_RECONCILE_SECONDS=NO_RECONCILE_SECONDS) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        async with windows([gitau], here.ports, each=10) as opened:
            for begin, end in ((killed, started), (stopped, continued), (cut, mended)):
                async with in_trouble(here, begin, end):
                    await until(here.degraded, "it is noticed", NOTICED_CEILING_SECONDS)
                    for _ in range(5):
                        await sender.send(gitau)
                await here.exact(opened, sender, within=REPAIRED_CEILING_SECONDS)
                await until(here.ready, "all is well again", REPAIRED_CEILING_SECONDS)


async def test_everybody_starts_without_redis_and_finds_it_when_it_comes(tmp_path: Path) -> None:
    async with site(tmp_path, redis_there=False) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        assert await here.degraded()
        async with windows([gitau], here.ports, each=10) as opened:
            await sender.send(gitau)
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
            await here.redis.start()
            await until(here.ready, "it is found", REPAIRED_CEILING_SECONDS)
            await sender.send(gitau)
            await here.exact(opened, sender)


def more_than(network: FaultProxy, asked: int) -> bool:
    return network.asked > asked


async def test_a_network_that_drops_everything_again_and_again(tmp_path: Path) -> None:
    """Cut at every moment of connecting, subscribing and publishing."""
    async with site(tmp_path) as here:
        harry, gitau = await crowd(here.server, 2)
        senders = [Sender(harry.at(here.server.port), [gitau])]
        async with windows([gitau], here.ports, each=10) as opened:
            async with sending(senders):
                for _ in range(40):
                    here.network.reset()
                    await until(partial(more_than, here.network, here.network.asked), "they return")
            await here.exact(opened, *senders, within=WITHIN_T_SECONDS)
            await until(here.ready, "all is well again", REPAIRED_CEILING_SECONDS)
