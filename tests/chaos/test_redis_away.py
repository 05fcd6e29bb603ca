"""Redis restarts, freezes, is cut off, is not there at all: sends succeed and nothing is lost
(F4, F5, F7). Faults that take only seconds are in tests/integration/test_faults_bus.py."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.busyness import measured, promised
from tests.crowd import crowd
from tests.fault_proxy import FaultProxy
from tests.patience import until
from tests.processes import RedisServer
from tests.sender import Sender, sending
from tests.site import NO_RECONCILE_SECONDS, WITHIN_T_SECONDS, Site, site
from tests.window import windows

# Promised; a busy machine takes as many times longer as it takes for starting Python.
NOTICED_SECONDS = 5.0
REPAIRED_SECONDS = 5.0
SEND_SECONDS = 2.0
CEILING_SECONDS = 90.0
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
    await until(here.ready, "the precondition: all is well", CEILING_SECONDS)
    harry, gitau = await crowd(here.server, 2, name=trouble.replace(" ", "-"))
    sender = Sender(harry.at(here.server.port), [gitau])
    async with windows([gitau], here.ports, each=10) as opened:
        async with in_trouble(here, begin, end):
            async with measured() as busy, sending([sender]):
                async with promised(NOTICED_SECONDS, "it is noticed"):
                    await until(here.degraded, "it is noticed", CEILING_SECONDS)
                await until(lambda: len(sender.tried) >= messages, "sends", CEILING_SECONDS)
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
        async with promised(REPAIRED_SECONDS, "all is well again"):
            await until(here.ready, "all is well again", CEILING_SECONDS)
        await sender.send(gitau)
        await here.exact(opened, sender)
    assert len(sender.confirmed) == len(sender.tried), "no send was refused"
    assert sender.slowest_seconds < SEND_SECONDS * busy.factor
    assert all(len(window.opened) == 1 for window in opened), "no stream ended"


async def test_a_redis_that_returns_is_enough(tmp_path: Path) -> None:
    """Without reconcile: who was cut off is behind, and catches up at once."""
    async with site(tmp_path, NOTIFIER_RECONCILE_SECONDS=NO_RECONCILE_SECONDS) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        async with windows([gitau], here.ports, each=10) as opened:
            for begin, end in ((killed, started), (stopped, continued), (cut, mended)):
                async with in_trouble(here, begin, end):
                    async with promised(NOTICED_SECONDS, "it is noticed"):
                        await until(here.degraded, "it is noticed", CEILING_SECONDS)
                    for _ in range(5):
                        await sender.send(gitau)
                async with promised(REPAIRED_SECONDS, "everything has arrived"):
                    await here.exact(opened, sender, within=CEILING_SECONDS)
                await until(here.ready, "all is well again", CEILING_SECONDS)


async def test_everybody_starts_without_redis_and_finds_it_when_it_comes(tmp_path: Path) -> None:
    async with site(tmp_path, redis_there=False) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        assert await here.degraded()
        async with windows([gitau], here.ports, each=10) as opened:
            await sender.send(gitau)
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
            await here.redis.start()
            await until(here.ready, "it is found", CEILING_SECONDS)
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
            await until(here.ready, "all is well again", CEILING_SECONDS)


# Enough for some seconds of loading at a thousandth of a second each.
KEYS = 6_000
SLOW_LOADING = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")


async def test_a_redis_that_is_loading_its_data_set_is_waited_for(tmp_path: Path) -> None:
    """A real one: it answers LOADING to everybody until it has read its file."""
    async with site(tmp_path) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        await until(here.ready, "the precondition: all is well", CEILING_SECONDS)
        async with Redis(host="127.0.0.1", port=here.redis.port) as client:
            await client.mset({f"another-program:{n}": "x" for n in range(KEYS)})
            await client.save()
        async with windows([gitau], here.ports, each=10) as opened:
            await here.redis.kill()
            here.redis.options += SLOW_LOADING
            starting = asyncio.create_task(here.redis.start())
            await until(lambda: says(here.redis, b"-LOADING"), "the precondition: it is loading")
            await until(here.degraded, "it is noticed", CEILING_SECONDS)
            async with measured() as busy:
                for _ in range(5):
                    await sender.send(gitau)
            assert sender.slowest_seconds < SEND_SECONDS * busy.factor
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
            await starting
            async with promised(REPAIRED_SECONDS, "all is well again"):
                await until(here.ready, "all is well again", CEILING_SECONDS)
            await sender.send(gitau)
            await here.exact(opened, sender)
        assert not sender.refused and not sender.unanswered
        assert all(len(window.opened) == 1 for window in opened), "no stream ended"


async def says(redis: RedisServer, answer: bytes) -> bool:
    """Whether that is how `redis` answers a PING now."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
    except ConnectionError:
        return False
    writer.write(b"PING\r\n")
    try:
        return (await reader.readline()).startswith(answer)
    except ConnectionError:
        return False
    finally:
        writer.close()
