"""Faults on the bus that are over in seconds: both doors, real processes, and exact at the end
(F6, F8, F12, F13). Those that take longer are in tests/chaos."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from notifier.events import SEQUENCE_MAX
from tests.crowd import Somebody, crowd
from tests.patience import until
from tests.sender import Sender, sending
from tests.site import NO_RECONCILE_SECONDS, Site, site
from tests.window import windows

# 5 s are promised; the rest is a busy machine.
REPAIRED_CEILING_SECONDS = 5.0 + 5.0
SENDERS = 6
_crowds = itertools.count(1)


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One installation for all of them. Reconcile is out of the way: it would hide the rest."""
    async with site(
        tmp_path_factory.mktemp("site"),
        NOTIFIER_RECONCILE_SECONDS=NO_RECONCILE_SECONDS,
        # Limits are kept in Redis: what happens to it must not stop a send either.
        NOTIFIER_RATE_LIMITS="on",
    ) as found:
        await until(found.ready, "all is well")
        yield found


@pytest.fixture
async def client(here: Site) -> AsyncIterator[Redis]:
    """Somebody at redis-cli, past the faulty network."""
    async with Redis(host="127.0.0.1", port=here.redis.port) as found:
        yield found


async def some(here: Site, count: int) -> list[Somebody]:
    return await crowd(here.server, count, name=f"bus{next(_crowds)}-")


async def test_subscribers_that_redis_cuts_off_catch_up(here: Site, client: Redis) -> None:
    harry, gitau = await some(here, 2)
    sender = Sender(harry.at(here.server.port), [gitau])
    async with windows([gitau], here.ports, each=5) as opened:
        async with sending([sender]):
            for round_ in (1, 2):
                await until(lambda r=round_: len(sender.confirmed) > 3 * r, "sends")  # type: ignore[misc]
                assert await client.client_kill_filter(_type="pubsub") >= 3
        await here.exact(opened, sender, within=REPAIRED_CEILING_SECONDS)
        assert all(len(window.opened) == 1 for window in opened), "no stream ended"
    await until(here.ready, "all is well again", REPAIRED_CEILING_SECONDS)


async def test_many_senders_to_one_person_who_reads_meanwhile(here: Site) -> None:
    gitau, *others = await some(here, 1 + SENDERS)
    senders = [Sender(one.at(here.server.port), [gitau]) for one in others]
    reader = gitau.at(here.server.port)
    async with windows([gitau], here.ports, each=5) as opened:
        async with sending(senders):
            while min(len(sender.confirmed) for sender in senders) < 8:
                assert (await reader.get("/messages")).status == 200
        await here.exact(opened, *senders)
        assert (await reader.get("/messages")).status == 200
        await here.exact(opened, *senders)


async def test_garbage_on_the_channel_is_dropped_and_everything_arrives(
    here: Site, client: Redis
) -> None:
    harry, gitau = await some(here, 2)
    sender = Sender(harry.at(here.server.port), [gitau])
    channel = f"notifier:{gitau.id}"

    def event(sequence: object, name: str = "note", data: str = "{}") -> str:
        return f"id: {sequence}\nevent: {name}\ndata: {data}\n\n"

    garbage: list[bytes | str] = [
        b"",
        b"\0\xff\xfe",
        b"hello from another program",
        b"[" * 100_000,
        b"x" * 10_000_000,
        b'{"sequence": 1e999}',
        event(1, data="x" * 10_000_000),
        event(-1),
        event(0),
        event(2**63),
        event(10**400),
        event("+1"),
        event(None),
        event(1.5),
        event(3, name="signed_out"),
        event(3, name="a\nid: 99"),
        event(3, data="1\rid: 99"),
        event(3)[:-1],
        b"null\n\nnull\n\n",
        b"event: signed_out\ndata: [[]]\n\n",
        b'event: signed_out\ndata: ["1"]\n\n',
        b"event: signed_out\ndata: [99999999]\n\n",
    ]
    dropped = 'events_dropped_total{cause="garbage"}'
    before = await here.figure(here.gateway_port, dropped)
    async with windows([gitau], here.ports, each=5) as opened:
        await sender.send(gitau)
        await here.exact(opened, sender)
        for one in garbage:
            assert await client.publish(channel, one) >= 2, "the precondition: both doors hear it"
            await sender.send(gitau)
        await here.exact(opened, sender)
        assert all(len(window.opened) == 1 for window in opened), "no stream ended"
        counted = await here.figure(here.gateway_port, dropped) - before
        # The last one looks like ours: the end of a sign-in that nobody here has.
        assert counted >= len(garbage) - 2, "and it is counted"
        # The greatest number there can be is no garbage by its looks: read, and nothing there.
        for sequence in (SEQUENCE_MAX, 1_000_000):
            await client.publish(channel, event(sequence))
            await sender.send(gitau)
        await here.exact(opened, sender)


async def test_a_bus_that_delivers_twice_and_out_of_order(here: Site, client: Redis) -> None:
    """What was heard is said once more, older and newer mixed, while more of it comes."""
    harry, gitau = await some(here, 2)
    sender = Sender(harry.at(here.server.port), [gitau])
    channel = f"notifier:{gitau.id}"
    heard: list[bytes] = []
    async with client.pubsub() as ear, windows([gitau], here.ports, each=5) as opened:
        await ear.subscribe(channel)

        async def listen() -> None:
            async for one in ear.listen():
                if one["type"] == "message" and one["data"] not in heard:
                    heard.append(one["data"])

        listening = asyncio.create_task(listen())
        async with sending([sender]):
            for wanted in range(2, 20):
                await until(lambda w=wanted: len(heard) >= w, "the bus carries it")  # type: ignore[misc]
                for old in (heard[-1], heard[0], heard[-2], heard[len(heard) // 2]):
                    await client.publish(channel, old)
        listening.cancel()
        await here.exact(opened, sender)


async def kept_keys(here: Site, client: Redis) -> list[bytes]:
    """What the app keeps in Redis; after trouble it looks there again some seconds later."""
    gitau, *others = await some(here, 21)
    turn = itertools.cycle(others)

    async def keys() -> list[bytes]:
        await Sender(next(turn).at(here.server.port), [gitau]).send(gitau)
        return [key async for key in client.scan_iter("*")]

    return await until(keys, "the app keeps something there")


@pytest.mark.parametrize("state", ["NOAUTH", "READONLY", "LOADING", "FLUSHALL", "other keys"])
async def test_a_redis_in_an_odd_state(here: Site, client: Redis, state: str) -> None:
    harry, gitau = await some(here, 2)
    sender = Sender(harry.at(here.server.port), [gitau])
    degraded = here.server.output().count('"event": "bus_degraded"')
    async with windows([gitau], here.ports, each=5) as opened:
        await sender.send(gitau)
        if state == "NOAUTH":
            await client.config_set("requirepass", "something")
            await client.client_kill_filter(skipme=True, _type="pubsub")
            await until(here.degraded, "it is noticed", REPAIRED_CEILING_SECONDS)
        elif state == "READONLY":
            await client.replicaof("127.0.0.1", 1)
        elif state == "LOADING":
            here.network.say(b"-LOADING Redis is loading the dataset in memory\r\n")
            await until(here.degraded, "it is noticed", REPAIRED_CEILING_SECONDS)
        elif state == "FLUSHALL":
            await client.flushall()
        else:
            for key in [*await kept_keys(here, client), b"notifier:1", b"notifier"]:
                await client.delete(key)
                await client.lpush(key, "somebody else's")
        for _ in range(5):
            await sender.send(gitau)
        if state == "NOAUTH":
            await client.config_set("requirepass", "")
        elif state == "READONLY":
            await client.replicaof("NO", "ONE")
        elif state == "LOADING":
            here.network.mend()
        elif state == "other keys":
            await client.flushall()
        await here.exact(opened, sender, within=REPAIRED_CEILING_SECONDS)
        await until(here.ready, "all is well again", REPAIRED_CEILING_SECONDS)
    assert not sender.refused, sender.refused
    lines = here.server.output().count('"event": "bus_degraded"') - degraded
    # One line a process and kind of trouble: being cut off, what is answered since, and being cut
    # off once more, by the one who mends it, in the middle of an attempt.
    assert lines <= 3 * len(here.server.workers()), "one line a state, not one an attempt"
