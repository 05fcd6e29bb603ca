"""How a feed keeps its rate, what it is told, and what it tells.

On stdin a feed reads one JSON object a line: `{"rate", "seconds", "log"}` publishes evenly over
all persons for so long, `{"each", "log"}` one event to every `each`-th person as fast as it can.
It answers each with one line, `{"sent", "late_ms"}`, and with `{}` once when it is ready.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from benchmark.tally import SENT

# Events go out in small bursts, as they do where several people act at once: at 3,000 a second
# 6 events every 2 ms. All of a burst count from its one time stamp.
TICK_SECONDS = 0.002
# A feed that was kept from its core makes up for it at twice its rate, not in one flood.
MAKE_UP_FACTOR = 2
# Events of one burst when no rate is asked for.
BURST_MOST = 64
BODY = "A private message of some eighty characters, which is what people usually write."

# Each burst: to whom, when, with which sequences.
Log = list[tuple[list[int], int, list[int]]]
# Publishes one event to each person (their numbers from 0), and says when, in monotonic
# nanoseconds, and with which sequences.
Publish = Callable[[list[int]], Awaitable[tuple[int, list[int]]]]


def message(person: int) -> dict[str, object]:
    """What an event tells, of the size of a private message's."""
    return {"id": person, "from": "anybody", "body": BODY}


def event(person: int, sequence: int, timestamp: float) -> str:
    """A peer's event as text; ours are the same, byte for byte but for the name of the sender."""
    data = json.dumps(message(person), separators=(",", ":"))
    return f'{{"name":"benchmark","data":{data},"timestamp":{timestamp:.3f},"sequence":{sequence}}}'


def tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def serve(persons: int, publish: Publish) -> None:
    """Do what stdin says until it ends."""
    # The same order in every run and at every door, and no neighbour after neighbour.
    order = random.Random(1).sample(range(persons), persons)
    turn = _around(order)
    loop = asyncio.get_running_loop()
    # A pause for garbage would be taken for a late event.
    gc.freeze()
    gc.disable()
    tell()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wish = json.loads(line)
        log: Log = []
        late = 0.0
        if "each" in wish:
            await _burst(order[:: wish["each"]], publish, log)
        else:
            most = min(math.ceil(wish["rate"] * TICK_SECONDS) * MAKE_UP_FACTOR, persons)
            late = await _evenly(wish["rate"], wish["seconds"], turn, most, publish, log)
        _write(log, Path(wish["log"]))
        tell(sent=sum(len(batch) for batch, _, _ in log), late_ms=round(late * 1000, 1))


def _write(log: Log, path: Path) -> None:
    with path.open("wb") as file:
        for batch, now, sequences in log:
            for person, sequence in zip(batch, sequences, strict=True):
                file.write(SENT.pack(person, sequence, now))


def _around(order: list[int]) -> Iterator[int]:
    """Everybody, again and again. A window no longer than the order names nobody twice."""
    while True:
        yield from order


async def _burst(persons: list[int], publish: Publish, log: Log) -> None:
    for start in range(0, len(persons), BURST_MOST):
        batch = persons[start : start + BURST_MOST]
        log.append((batch, *await publish(batch)))


async def _evenly(
    rate: float, seconds: float, turn: Iterator[int], most: int, publish: Publish, log: Log
) -> float:
    """Publish at `rate`; the longest that the feed was behind its own plan, in seconds."""
    total = round(rate * seconds)
    sent, late = 0, 0.0
    began = time.monotonic()
    while sent < total:
        # Whole ticks, or a loop that wakes a little early would make two bursts of one.
        ticks = int((time.monotonic() - began) / TICK_SECONDS)
        due = min(round(ticks * TICK_SECONDS * rate), total) - sent
        if due > 0:
            late = max(late, due / rate - TICK_SECONDS)
            batch = [next(turn) for _ in range(min(due, most))]
            log.append((batch, *await publish(batch)))
            sent += len(batch)
        pause = began + (ticks + 1) * TICK_SECONDS - time.monotonic()
        # uvloop rounds a timer to the nearest millisecond, and would turn until it is due.
        await asyncio.sleep(max(0, math.ceil(pause * 1000)) / 1000)
    return late
