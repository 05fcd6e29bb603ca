"""Two worker processes and a real Redis, as an operator runs them."""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from functools import partial

from tests.conftest import People, Serve
from tests.patience import until
from tests.person import Person, Stream
from tests.processes import RedisServer, Server

# With connections spread by the kernel, this many on one worker alone would be a rare accident.
STREAMS_MOST = 40


async def on_both_workers(stack: AsyncExitStack, server: Server, person: Person) -> list[Stream]:
    """Streams of one person, opened until each worker holds two."""
    streams: list[Stream] = []
    held: dict[int, int] = {}
    while len(held) < 2 or min(held.values()) < 2:
        assert len(streams) < STREAMS_MOST, f"all streams went to one worker: {held}"
        stream = await stack.enter_async_context(person.stream())
        holder = await until(partial(server.holder, stream.local_port), "a worker took it")
        assert holder is not None
        held[holder] = held.get(holder, 0) + 1
        streams.append(stream)
    return streams


async def test_streams_on_both_workers_get_every_event_once_in_order(
    serve: Serve, people: People, redis: RedisServer
) -> None:
    server = await serve("--workers", "2", REDIS_URL=redis.url)
    assert len(server.workers()) == 2
    harry, gitau = await people("harry", "gitau", on=server)
    async with AsyncExitStack() as stack:
        streams = await on_both_workers(stack, server, gitau)
        texts = [f"message {number}" for number in range(10)]
        for text in texts:
            await harry.send(gitau, text)
        for stream in streams:
            await stream.count(10)
            assert stream.texts == texts
            assert stream.sequences == sorted(set(stream.sequences))


async def test_signing_out_ends_the_streams_on_both_workers(
    serve: Serve, people: People, redis: RedisServer
) -> None:
    # Reconcile would do it too, later: that it is not what does it here is what is tested.
    server = await serve("--workers", "2", REDIS_URL=redis.url, NOTIFIER_RECONCILE_SECONDS=600)
    (gitau,) = await people("gitau", on=server)
    elsewhere = Person(server.port, gitau.username)
    await elsewhere.sign_in()
    async with AsyncExitStack() as stack:
        streams = await on_both_workers(stack, server, gitau)
        kept = await stack.enter_async_context(elsewhere.stream())
        await gitau.sign_out()
        for stream in streams:
            await stream.end()
            assert stream.events[-1].name == "signed_out"
        assert not kept.ended, "the other sign-in goes on"


async def test_a_killed_worker_is_replaced_and_its_streams_resume(
    serve: Serve, people: People, redis: RedisServer
) -> None:
    server = await serve("--workers", "2", REDIS_URL=redis.url)
    harry, gitau = await people("harry", "gitau", on=server)
    async with AsyncExitStack() as stack:
        streams = await on_both_workers(stack, server, gitau)
        await harry.send(gitau, "before")
        for stream in streams:
            await stream.count(1)
        victim = server.workers()[0]
        theirs = [one for one in streams if server.holder(one.local_port) == victim]
        os.kill(victim, signal.SIGKILL)
        await until(
            lambda: len(server.workers()) == 2 and victim not in server.workers(),
            "another worker takes its place",
        )
        for stream in theirs:
            await stream.end()
        assert not any(one.ended for one in streams if one not in theirs), "nobody else's are gone"
        await harry.send(gitau, "after")
        cursor = theirs[0].source.last_event_id
        resumed = await stack.enter_async_context(gitau.stream(last_event_id=cursor))
        await resumed.count(2)
        assert resumed.texts == ["after"]


async def test_more_than_one_worker_without_redis_is_refused(serve: Serve) -> None:
    server = await serve()
    await server.stop()
    bind = f"127.0.0.1:{server.port}"
    assert await server.run("serve", "--bind", bind, "--workers", "2") != 0
    assert "REDIS_URL" in server.output()
    assert "Traceback" not in server.output()
