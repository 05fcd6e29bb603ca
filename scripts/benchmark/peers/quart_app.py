"""The usual way: Quart's guide to server-sent events, a queue per client, fed by Redis pub/sub.

After quart.palletsprojects.com (how-to guides, "Server Sent Events"). It knows nobody, keeps no
cursor and catches nothing up. The first line is sent at once; without it hypercorn holds the head
back until the first event, and no client could tell that it is connected.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import cast

from quart import Quart, Response, make_response
from redis.asyncio import Redis

app = Quart(__name__)
queues: dict[int, set[asyncio.Queue[str]]] = defaultdict(set)


@app.before_serving
async def listen() -> None:
    pubsub = Redis(unix_socket_path=os.environ["BENCH_REDIS_SOCKET"]).pubsub()
    await pubsub.subscribe("benchmark")

    async def read() -> None:
        async for message in pubsub.listen():
            if message["type"] == "message":
                person, _, data = message["data"].decode().partition(" ")
                for queue in queues[int(person)]:
                    queue.put_nowait(data)

    app.add_background_task(read)


@app.get("/ready")
async def ready() -> str:
    return "ready"


@app.get("/stream/<int:person>")
async def stream(person: int) -> Response:
    async def events() -> AsyncIterator[bytes]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        queues[person].add(queue)
        try:
            yield b"retry: 2750\n\n"
            while True:
                data = await queue.get()
                yield f"event: benchmark\ndata: {data}\n\n".encode()
        finally:
            queues[person].discard(queue)

    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    response = cast(Response, await make_response(events(), headers))
    response.timeout = None
    return response
