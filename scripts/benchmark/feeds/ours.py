"""Feeds Notifier's doors the app's way: recorded in a transaction, published after its commit.

    python -m benchmark.feeds.ours PEOPLE.json COUNT

Run by the app's own Python. It publishes through the app's engine and bus. It records with plain
sqlite3 what `notifications.allot` and `store` would, the same rows in the same transaction: those
cost some 600 µs an event through SQLAlchemy, and 3,000 a second would take both cores from the
server that is measured. That happens in the loop's own thread, unlike in the app: a burst's commit
takes 0.4 ms there, and the five switches between two threads that it takes elsewhere cost the
server a sixth (in turns), on cores that it shares with the feed. The time stamp of an event is
taken just after its commit, as a person's message counts from there.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

import orjson
import uvloop

from benchmark.feeds import pace
from notifier import logs
from notifier.engine import Engine
from notifier.events import Event
from notifier.settings import Settings

NUMBER = "UPDATE user SET last_sequence = ?, last_event_at = ? WHERE id = ?"
STORE = (
    "INSERT INTO notification (recipient_id, sequence, name, payload, timestamp, kept)"
    " VALUES (?, ?, 'benchmark', ?, ?, 1)"
)


class Publisher:
    """The only writer while streams are fed, so it knows everybody's last sequence."""

    def __init__(self, engine: Engine, ids: list[int]) -> None:
        self._engine = engine
        self._ids = ids
        path = engine.settings.sqlalchemy_url.database or ""
        self._database = sqlite3.connect(path, isolation_level=None)
        # Without a wait for the disk, unlike the app: what is lost here was only a benchmark.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA busy_timeout = 5000")
        self._last = dict(self._database.execute("SELECT id, last_sequence FROM user"))

    async def publish(self, persons: list[int]) -> tuple[int, list[int]]:
        timestamp = time.time()
        events = []
        for person in persons:
            recipient = self._ids[person]
            self._last[recipient] += 1
            payload = pace.message(person)
            events.append(Event(recipient, self._last[recipient], "benchmark", payload, timestamp))
        self._record(events)
        now = time.monotonic_ns()
        self._engine.publish(events)
        return now, [event.sequence for event in events]

    def _record(self, events: list[Event]) -> None:
        execute = self._database.executemany
        self._database.execute("BEGIN IMMEDIATE")
        execute(NUMBER, [(e.sequence, e.timestamp, e.recipient_id) for e in events])
        payloads = [orjson.dumps(e.payload).decode() for e in events]
        rows = [
            (e.recipient_id, e.sequence, payload, e.timestamp)
            for e, payload in zip(events, payloads, strict=True)
        ]
        execute(STORE, rows)
        self._database.execute("COMMIT")


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
    uvloop.run(main([number for number, _, _ in people[: int(sys.argv[2])]]))
