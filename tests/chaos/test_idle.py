"""Ten thousand people who wait: what they cost, when they hear, how many there may be (F15)."""

from __future__ import annotations

import asyncio
import functools
import json
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.crowd import Somebody, crowd
from tests.doors import Doors, open_doors
from tests.patience import until
from tests.processes import RedisServer

STREAMS = 10_000
PEOPLE = 2_000
AT_ONCE = 200
HEARTBEAT_SECONDS = 10.0
# The gateway's budget; the tests' own noise is a page of memory here and there.
KIBIBYTES_A_STREAM = 3.0
CEILING_SECONDS = 300.0


class Idle(asyncio.Protocol):
    """One open stream that notes when it heard a heartbeat, and keeps nothing else."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.begun = False
        self.over = False

    def data_received(self, data: bytes) -> None:
        self.begun = self.begun or b"text/event-stream" in data
        if b"event: ping" in data:
            self.beats.append(time.monotonic())

    def connection_lost(self, error: Exception | None) -> None:
        self.over = True


@asynccontextmanager
async def idle(people: list[Somebody], port: int, number: int) -> AsyncIterator[list[Idle]]:
    """`number` streams of all these people, closed at the end."""
    loop = asyncio.get_running_loop()
    opened: list[tuple[asyncio.BaseTransport, Idle]] = []

    async def open_one(who: Somebody) -> None:
        transport, stream = await loop.create_connection(Idle, "127.0.0.1", port)
        opened.append((transport, stream))
        transport.write(
            f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {who.cookie}\r\n"
            "Last-Event-ID: 0\r\n\r\n".encode()
        )
        await until(lambda: stream.begun, "it begins", CEILING_SECONDS)

    try:
        whose = [people[n % len(people)] for n in range(number)]
        for start in range(0, number, AT_ONCE):
            await asyncio.gather(*(open_one(who) for who in whose[start : start + AT_ONCE]))
        yield [stream for _, stream in opened]
    finally:
        for transport, _ in opened:
            transport.close()


@pytest.fixture
async def waiting_room(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Doors]:
    folder = functools.partial(tmp_path_factory.mktemp, "idle")
    settings = {
        "NOTIFIER_CHANNEL_PREFIX": "idle",
        "NOTIFIER_HEARTBEAT_SECONDS": HEARTBEAT_SECONDS,
        "NOTIFIER_STREAM_AGE_SECONDS": 86_400,
    }
    async with open_doors(folder, redis.url, **settings) as doors:
        yield doors


async def test_ten_thousand_idle_streams_cost_little_and_beat_apart(waiting_room: Doors) -> None:
    gateway = waiting_room.gateway
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > STREAMS + 1_000, "the precondition: this test may open as many files"
    people = await crowd(waiting_room.server, PEOPLE)
    async with idle(people, gateway.port, STREAMS // 10):
        # Pools, caches and arenas have grown now; from here on it is streams.
        await gateway.streams(STREAMS // 10)
    await gateway.streams(0, CEILING_SECONDS)
    before = gateway.resident_kilobytes()
    async with idle(people, gateway.port, STREAMS) as streams:
        await gateway.streams(STREAMS, CEILING_SECONDS)
        cost = (gateway.resident_kilobytes() - before) / STREAMS
        assert cost < KIBIBYTES_A_STREAM, f"{cost:.2f} KiB a stream"
        queries = (await gateway.metrics())["notifier_database_queries_total"]
        everybody = time.monotonic()
        await until(
            lambda: all(s.beats and s.beats[-1] > everybody for s in streams),
            "everybody hears a heartbeat",
            HEARTBEAT_SECONDS * 3,
        )
        # Of each the first one since all are there: within one period, not in one moment.
        firsts = [next(at for at in s.beats if at > everybody) - everybody for s in streams]
        seconds = Counter(int(at) for at in firsts)
        assert max(seconds.values()) < STREAMS / HEARTBEAT_SECONDS * 3, seconds
        assert not any(stream.over for stream in streams)
        asked = (await gateway.metrics())["notifier_database_queries_total"] - queries
        assert asked < STREAMS / 100, "heartbeats cost no queries"
    await gateway.streams(0, CEILING_SECONDS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_how_many_files_may_be_open_is_said_at_start(waiting_room: Doors) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lines = waiting_room.gateway.program.output().splitlines()
    said = [json.loads(line) for line in lines if '"open_files"' in line]
    assert [one["limit"] for one in said] == [hard]
    assert 0 < said[0]["streams_most"] < hard
