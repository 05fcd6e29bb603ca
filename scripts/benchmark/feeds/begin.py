"""What a stream's beginning costs a gateway process by itself: from the request's bytes to the head
and a live subscriber, with neither sockets nor Redis; and two parts of it alone.

    python -m benchmark.feeds.begin PEOPLE.json COUNT

Run by the app's own Python, over the database that the environment names: the app's own gateway,
its shared look-up and its hub, in one process that does nothing else. What a connect costs beyond
this is the kernel, the loop and Redis. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from notifier import logs
from notifier.engine import Engine
from notifier.gateway import Gateway
from notifier.gateway_connection import Connection
from notifier.gateway_process import GC_THRESHOLDS
from notifier.http1 import RequestReader
from notifier.settings import Settings

# The first round loads what is loaded late; of the others the best counts, since whatever else the
# machine does can only add to it.
ROUNDS = 6
# As many as are under way at any time while the doors' connects are measured (`load.Load`).
AT_ONCE = 500


class Nowhere:
    """As much of a transport as a connection asks for: what is written goes nowhere, and the first
    of it, which is the head, is told."""

    __slots__ = ("_began",)

    def __init__(self, began: Callable[[], None]) -> None:
        self._began: Callable[[], None] | None = began

    def write(self, _data: bytes) -> None:
        began, self._began = self._began, None
        if began is not None:
            began()

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int) -> None:
        pass


async def begin(gateway: Gateway, requests: list[bytes]) -> list[Connection]:
    """A stream for each request, some at a time."""
    begun = []
    for start in range(0, len(requests), AT_ONCE):
        some = requests[start : start + AT_ONCE]
        heads: asyncio.Queue[None] = asyncio.Queue()
        for request in some:
            connection = gateway.connection()
            connection.connection_made(Nowhere(partial(heads.put_nowait, None)))  # type: ignore[arg-type]
            connection.data_received(request)
            begun.append(connection)
        for _ in some:
            await heads.get()
    return begun


def each(count: int, before: float) -> float:
    """CPU since `before`, in microseconds for each of `count`."""
    return (time.process_time() - before) / count * 1e6


async def measure(requests: list[bytes], cookies: list[str]) -> dict[str, float]:
    engine = Engine(Settings.load())
    await engine.start()
    count = len(requests)
    gateway = Gateway(engine, streams_most=count)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    whole, reading, checking = [], [], []
    for _ in range(ROUNDS):
        before = time.process_time()
        begun = await begin(gateway, requests)
        whole.append(each(count, before))
        if engine.hub.streams != count or engine.hub.behind:
            raise SystemExit(f"{engine.hub.streams} streams of {count}, {engine.hub.behind} behind")
        for connection in begun:
            connection.connection_lost(None)
        before = time.process_time()
        for request in requests:
            RequestReader().feed(request)
        reading.append(each(count, before))
        before = time.process_time()
        for cookie in cookies:
            gateway.cookies.auth_id(cookie)
        checking.append(each(count, before))
    await gateway.close()
    await engine.stop()
    return {
        "cpu_us": round(min(whole[1:]), 1),
        "request_us": round(min(reading), 1),
        "cookie_us": round(min(checking), 1),
        "streams": count,
    }


def main() -> None:
    made = json.loads(Path(sys.argv[1]).read_text())
    cookies = [cookie for _, _, cookie in made["people"][: int(sys.argv[2])]]
    # As the load client asks (`doors.ours.stream_request`).
    requests = [
        f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: text/event-stream\r\n"
        f"Cookie: {made['cookie']}={cookie}\r\nLast-Event-ID: 1\r\n\r\n".encode()
        for cookie in cookies
    ]
    # Its log goes to standard error; standard output is for the answer.
    logs.configure(development=False)
    sys.stdout.write(json.dumps(uvloop.run(measure(requests, cookies))) + "\n")


if __name__ == "__main__":
    main()
