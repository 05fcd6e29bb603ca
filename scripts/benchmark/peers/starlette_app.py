"""sse-starlette as its README shows it: a generator over a queue per client, fed by Redis pub/sub.

Its own heartbeat, a comment every 15 seconds to each stream, is left on: it is part of the choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import defaultdict
from collections.abc import AsyncIterator

from redis.asyncio import Redis
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

queues: dict[int, set[asyncio.Queue[str]]] = defaultdict(set)


@contextlib.asynccontextmanager
async def listening(_app: Starlette) -> AsyncIterator[None]:
    pubsub = Redis(unix_socket_path=os.environ["BENCH_REDIS_SOCKET"]).pubsub()
    await pubsub.subscribe("benchmark")

    async def read() -> None:
        async for message in pubsub.listen():
            if message["type"] == "message":
                person, _, data = message["data"].decode().partition(" ")
                for queue in queues[int(person)]:
                    queue.put_nowait(data)

    reader = asyncio.create_task(read())
    yield
    reader.cancel()


async def ready(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ready")


async def stream(request: Request) -> EventSourceResponse:
    person = request.path_params["person"]

    async def events() -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        queues[person].add(queue)
        try:
            yield ServerSentEvent(retry=2750)
            while True:
                yield ServerSentEvent(await queue.get(), event="benchmark")
        finally:
            queues[person].discard(queue)

    return EventSourceResponse(events())


app = Starlette(
    routes=[Route("/ready", ready), Route("/stream/{person:int}", stream)], lifespan=listening
)
