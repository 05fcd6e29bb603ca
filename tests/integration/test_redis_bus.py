"""The bus when Redis is not well: away, frozen, locked, deaf. Nobody waits, everybody is told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from notifier.audience import Audience
from notifier.redis_bus import RedisBus
from notifier.redis_watchdog import CANARY_EACH_SECONDS, SILENCE_MAX_SECONDS
from tests.integration.test_buses import Ear, subscribed
from tests.patience import until
from tests.processes import RedisServer

# What an operator is promised, for noticing as for recovering.
PROMISED_SECONDS = 5.0
# A call that does not wait, on a machine that is busy with other things.
AT_ONCE_SECONDS = 0.5

# A message as Redis pushes it to a subscriber.
PUSHED = re.compile(rb"\*3\r\n\$7\r\nmessage\r\n\$\d+\r\n.*?\r\n\$\d+\r\n.*?\r\n", re.DOTALL)
PIECE_BYTES = 65_536

Connect = Callable[[str], Awaitable[tuple[RedisBus, Ear]]]


@pytest.fixture
async def own_redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def started(url: str) -> tuple[RedisBus, Ear]:
            bus, ear = RedisBus(url, "tests"), Ear()
            stack.push_async_callback(bus.stop)
            await bus.start(ear)
            return bus, ear

        yield started


class Between:
    """Stands between a bus and its Redis, and can swallow what is pushed to subscribers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self.deaf = False
        self.connections = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, back), (there, writer)):
            self._tasks.add(asyncio.create_task(self._carry_on(source, sink)))

    async def _carry_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(PIECE_BYTES):
                sink.write(PUSHED.sub(b"", piece) if self.deaf else piece)
        except ConnectionError:
            return
        finally:
            sink.close()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def operator(server: RedisServer, password: str | None = None) -> AsyncIterator[Redis]:
    """Somebody at redis-cli."""
    async with Redis(host="127.0.0.1", port=server.port, password=password) as client:
        yield client


def works(bus: RedisBus) -> bool:
    return not bus.trouble


async def carries(bus: RedisBus, ear: Ear, message: bytes) -> None:
    """What another process publishes is heard."""
    ear.heard.clear()
    bus.publish(1, message)
    await ear.hears((1, message))


def published_at_once(bus: RedisBus, message: bytes) -> None:
    before = time.monotonic()
    bus.publish(1, message)
    assert time.monotonic() - before < AT_ONCE_SECONDS


async def test_a_redis_that_restarts_is_heard_again_and_everybody_is_behind(
    own_redis: RedisServer, connect: Connect
) -> None:
    speaker, _ = await connect(own_redis.url)
    listener, ear = await connect(own_redis.url)
    await subscribed(listener, 1)
    assert ear.gaps == 1, "the first connection counts as one"
    await own_redis.kill()
    await until(lambda: listener.trouble, "the trouble is seen", PROMISED_SECONDS)
    assert listener.subscribe(Audience(2)) is None, (
        "nobody waits for a confirmation that cannot come"
    )
    published_at_once(speaker, b"lost")
    await own_redis.start()
    await until(lambda: ear.gaps == 2, "everybody is behind", PROMISED_SECONDS)
    await until(lambda: works(listener) and works(speaker), "all is well", PROMISED_SECONDS)
    await carries(speaker, ear, b"heard again")
    speaker.publish(2, b"who came meanwhile too")
    await ear.hears((1, b"heard again"), (2, b"who came meanwhile too"))


async def test_without_redis_the_processs_own_streams_hear_all_the_same(
    own_redis: RedisServer, connect: Connect
) -> None:
    bus, ear = await connect(own_redis.url)
    await subscribed(bus, 1)
    await own_redis.kill()
    published_at_once(bus, b"at home")
    await ear.hears((1, b"at home"), within=PROMISED_SECONDS)
    assert bus.counts()["publish_failed"] == 1


async def test_a_frozen_redis_is_noticed_and_nobody_waits_for_it(
    own_redis: RedisServer, connect: Connect
) -> None:
    speaker, _ = await connect(own_redis.url)
    listener, ear = await connect(own_redis.url)
    await subscribed(listener, 1)
    os.kill(own_redis.pid, signal.SIGSTOP)
    published_at_once(speaker, b"into the frost")
    await until(
        lambda: "silent" in listener.trouble, "the listener notices by itself", PROMISED_SECONDS
    )
    published_at_once(speaker, b"and once more")
    os.kill(own_redis.pid, signal.SIGCONT)
    await until(lambda: ear.gaps == 2, "everybody is behind", PROMISED_SECONDS)
    await until(lambda: works(listener) and works(speaker), "all is well", PROMISED_SECONDS)
    speaker.publish(1, b"thawed")
    # What was published into the frost may come too, and late: it is only a repeat by then.
    await until(lambda: (1, b"thawed") in ear.heard, "it is heard again")


async def test_settling_waits_no_longer_than_it_is_told_for_a_frozen_redis(
    own_redis: RedisServer, connect: Connect
) -> None:
    bus, _ = await connect(own_redis.url)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        confirmed = bus.subscribe(Audience(1))
        began = time.monotonic()
        await bus.settle(0.05)
        assert time.monotonic() - began < AT_ONCE_SECONDS
        assert confirmed is not None and not confirmed.done()
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    await bus.settle(10)
    assert confirmed.done()


async def test_stopping_does_not_wait_for_a_frozen_redis(own_redis: RedisServer) -> None:
    bus = RedisBus(own_redis.url, "tests")
    await bus.start(Ear())
    os.kill(own_redis.pid, signal.SIGSTOP)
    bus.publish(1, b"never")
    async with asyncio.timeout(PROMISED_SECONDS):
        await bus.stop()
    os.kill(own_redis.pid, signal.SIGCONT)


async def test_a_cut_subscriber_subscribes_to_everything_again(
    own_redis: RedisServer, connect: Connect
) -> None:
    """More channels than go into one command."""
    speaker, _ = await connect(own_redis.url)
    listener, ear = await connect(own_redis.url)
    await subscribed(listener, *range(2_500))
    async with operator(own_redis) as client:
        assert await client.client_kill_filter(_type="pubsub") >= 2
    await until(lambda: ear.gaps == 2, "everybody is behind", PROMISED_SECONDS)
    for recipient in (0, 999, 1_000, 2_499):
        speaker.publish(recipient, b"again")
    await ear.hears(*((recipient, b"again") for recipient in (0, 999, 1_000, 2_499)))


async def test_a_redis_that_is_away_at_start_is_found_when_it_comes(
    own_redis: RedisServer, connect: Connect
) -> None:
    await own_redis.kill()
    async with asyncio.timeout(PROMISED_SECONDS):
        bus, ear = await connect(own_redis.url)
    assert bus.trouble
    assert bus.subscribe(Audience(1)) is None
    await own_redis.start()
    await until(lambda: ear.gaps == 1 and works(bus), "it is found", PROMISED_SECONDS)
    await carries(bus, ear, b"hello")


async def test_a_wrong_password_is_one_line_in_the_log_and_is_tried_on(
    own_redis: RedisServer, connect: Connect
) -> None:
    async with operator(own_redis) as client:
        await client.config_set("requirepass", "right")
    url = f"redis://:guessed@127.0.0.1:{own_redis.port}/0"
    with capture_logs() as lines:
        bus, ear = await connect(url)
        await until(lambda: bus.counts().get("disconnected", 0) >= 4, "it goes on trying")
        degraded = [line for line in lines if line["event"] == "bus_degraded"]
        assert len(degraded) == 1
        assert "password" in degraded[0]["reason"]
        assert not any("guessed" in str(line) for line in lines)
    async with operator(own_redis, "right") as client:
        await client.config_set("requirepass", "guessed")
    bus.subscribe(Audience(1))
    await until(lambda: works(bus), "it is let in", PROMISED_SECONDS)
    await carries(bus, ear, b"in")


async def test_what_is_no_redis_at_all_is_trouble_and_no_crash(connect: Connect) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as web:
        port = web.sockets[0].getsockname()[1]
        bus, _ = await connect(f"redis://127.0.0.1:{port}")
        await until(lambda: bus.counts().get("disconnected", 0) >= 3, "it goes on trying")
        assert bus.trouble
        published_at_once(bus, b"to whom?")


async def test_a_process_that_does_not_hear_itself_connects_again(
    own_redis: RedisServer, connect: Connect
) -> None:
    """Connected, answered, subscribed, and deaf: only the canary tells."""
    between = Between(own_redis.port)
    async with await asyncio.start_server(between.carry, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        bus, ear = await connect(f"redis://127.0.0.1:{port}/0")
        await subscribed(bus, 1)
        with capture_logs() as lines:
            between.deaf = True
            await until(lambda: "does not hear itself" in bus.trouble, "it is noticed")
            between.deaf = False
            await until(lambda: ear.gaps == 2 and works(bus), "it is mended", PROMISED_SECONDS)
        assert [line["event"] for line in lines] == ["bus_degraded", "bus_connected"]
        await carries(bus, ear, b"no longer deaf")
        assert between.connections == 4, "both anew: nobody knows which of them leads nowhere"
        await between.end()


async def test_a_process_that_stood_still_itself_has_lost_nothing(
    own_redis: RedisServer, connect: Connect
) -> None:
    """Not its Redis was silent: whoever connected again would have everybody read the table."""
    bus, ear = await connect(own_redis.url)
    await subscribed(bus, 1)
    await until(lambda: bus.counts().get("published", 0) > 0, "the canary is under way")
    # The loop, and all that it does, stands still.
    time.sleep(SILENCE_MAX_SECONDS + CANARY_EACH_SECONDS)  # noqa: ASYNC251
    published = bus.counts()["published"]
    await until(lambda: bus.counts()["published"] > published, "it tells itself something again")
    await until(lambda: bus.canary_age_seconds < CANARY_EACH_SECONDS, "and hears it")
    assert (ear.gaps, bus.counts().get("disconnected", 0)) == (1, 0)


async def test_a_stopped_bus_leaves_no_connection_behind(own_redis: RedisServer) -> None:
    bus = RedisBus(own_redis.url, "tests")
    await bus.start(Ear())
    await subscribed(bus, 1)
    async with operator(own_redis) as client:

        async def ours() -> list[str]:
            names = [one["name"] for one in await client.client_list()]
            return [name for name in names if name.startswith("notifier-")]

        await until(ours, "the precondition: it is connected")
        await bus.stop()

        async def nobody() -> bool:
            return not await ours()

        await until(nobody, "its connections are gone")
