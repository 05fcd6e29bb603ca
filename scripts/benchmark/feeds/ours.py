"""Feeds Notifier's doors the app's own way: recorded in a transaction, published after its commit.

    python -m benchmark.feeds.ours PEOPLE.json

Run by the app's own Python. The time stamp of an event is taken just after its commit, as a
person's message counts from there. Events of a burst share a transaction, as sends that come at
the same time do.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import uvloop

from benchmark.feeds import pace
from notifier import logs, notifications
from notifier.engine import Engine
from notifier.events import Event
from notifier.settings import Settings


class Publisher:
    def __init__(self, engine: Engine, ids: list[int]) -> None:
        self._engine = engine
        self._ids = ids

    async def publish(self, persons: list[int]) -> tuple[int, list[int]]:
        events: dict[int, Event] = {}
        async with self._engine.database.write() as connection:
            # In the order of the ids, as everybody who locks several people.
            for person in sorted(persons, key=self._ids.__getitem__):
                recipient = self._ids[person]
                first, timestamp = await notifications.allot(connection, recipient, 1)
                message = pace.message(person)
                events[person] = Event(recipient, first, "benchmark", message, timestamp)
            kept_most = self._engine.settings.kept_notifications
            await notifications.store(connection, list(events.values()), [], kept_most=kept_most)
        now = time.monotonic_ns()
        self._engine.publish(list(events.values()))
        return now, [events[person].sequence for person in persons]


async def main(ids: list[int]) -> None:
    # Its log goes to standard error; standard output is for the answers.
    logs.configure(development=False)
    engine = Engine(Settings.load())
    await engine.bus.start(engine.hub)
    try:
        await pace.serve(len(ids), Publisher(engine, ids).publish)
    finally:
        await engine.stop()


if __name__ == "__main__":
    people = json.loads(Path(sys.argv[1]).read_text())["people"]
    uvloop.run(main([number for number, _, _ in people]))
