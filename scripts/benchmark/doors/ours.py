"""Notifier's own doors: the gateway and the web door, each with its database, people and Redis.

The database with its people is made once a run and copied for every visit, so that each begins
with the same past.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.crowd import Request
from benchmark.doors.door import Door, Open, closing, new_box
from benchmark.doors.peers import ENVIRONMENT, HERE
from benchmark.programs import (
    Feed,
    free_port,
    program,
    redis_server,
    run_to_end,
    wait_ready,
)
from benchmark.progress import say

BIN = HERE.parent.parent / ".venv" / "bin"
NOTIFIER = str(BIN / "notifier")
PYTHON = str(BIN / "python")
SECRET_KEY = "only-for-the-benchmark-" + "k" * 32
# Without one, a process in production shows nobody its figures.
METRICS_TOKEN = "only-for-" + "the-benchmark"
# The tables, and the people in them, as files of the run's directory.
DATABASE, PEOPLE = "app.db", "people.json"
PAST_SEQUENCE = 1
# Figures of a phase, by the counter at /metrics that they are the growth of.
COUNTERS = {
    "queries": "notifier_database_queries_total",
    "catch_ups": "notifier_catch_ups_total",
    "repairs": "notifier_reconcile_repairs_total",
}


@dataclass(frozen=True)
class People:
    """Who is there: usernames and cookies by number from 0."""

    directory: Path
    usernames: list[str]
    cookies: list[bytes]


def settings(
    box: Path, port: int = 8000, redis_socket: Path | None = None, streams: int = 0
) -> dict[str, str]:
    """The environment of a program of ours. Everything that is not named is at its default."""
    known = {
        **ENVIRONMENT,
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{box / DATABASE}",
        "NOTIFIER_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NOTIFIER_RATE_LIMITS": "off",
        "NOTIFIER_METRICS_TOKEN": METRICS_TOKEN,
    }
    if redis_socket:
        known["REDIS_URL"] = f"unix://{redis_socket}?db=0"
    if streams > 15_000:
        # Beyond the limit that a process sets itself by default.
        known["NOTIFIER_STREAMS_PER_PROCESS"] = str(streams + 500)
    return known


_made: list[People] = []


def people(count: int) -> People:
    """`count` people or more in a migrated database; those of an earlier visit if they suffice."""
    return next((one for one in _made if len(one.usernames) >= count), None) or _make(count)


def _make(count: int) -> People:
    say(f"making {count:,} people")
    directory = Path(tempfile.mkdtemp(prefix="bench-people-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    environment = settings(directory)
    run_to_end([NOTIFIER, "migrate"], directory, environment)
    output = directory / PEOPLE
    command = [PYTHON, "-m", "benchmark.people", str(count), str(output)]
    run_to_end(command, directory, environment)
    made = json.loads(output.read_text())
    cookies = [f"{made['cookie']}={value}".encode() for _, _, value in made["people"]]
    _made.append(People(directory, [name for _, name, _ in made["people"]], cookies))
    return _made[-1]


@contextlib.contextmanager
def settled(count: int, *, on_disk: bool = False) -> Iterator[tuple[People, Path]]:
    """`count` people or more, and a directory with a copy of their database (see `new_box`)."""
    found = people(count)
    with new_box(on_disk=on_disk) as box:
        for path in found.directory.iterdir():
            shutil.copy(path, box)
        yield found, box


def begin(streams: int) -> dict[str, float]:
    """What the beginning of so many streams costs a gateway by itself; see `feeds.begin`."""
    with settled(streams) as (_, box):
        say(f"beginning, {streams:,} streams")
        command = [PYTHON, "-m", "benchmark.feeds.begin", str(box / PEOPLE), str(streams)]
        found: dict[str, float] = json.loads(run_to_end(command, box, settings(box)))
        return found


def hear(streams: int) -> dict[str, float]:
    """What hearing an event costs a process with so many streams; see `feeds.hear`."""
    say(f"hearing, {streams:,} streams")
    with new_box() as box:
        command = [PYTHON, "-m", "benchmark.feeds.hear", str(streams)]
        found: dict[str, float] = json.loads(run_to_end(command, box, settings(box)))
        return found


class OurDoor(Door):
    """What both doors share: people who sign in, and the feed."""

    signs_in = True
    catches_up = True
    command: tuple[str, ...]

    def prepare(self, persons: int) -> None:
        people(persons)

    @contextlib.contextmanager
    def open(self, persons: int, processes: int) -> Iterator[Open]:
        port = free_port()
        with settled(persons) as (found, box), redis_server(box) as (redis_socket, redis):
            environment = settings(box, port, redis_socket, persons)
            command = [NOTIFIER, *self.command, str(processes), "--bind", f"127.0.0.1:{port}"]
            with program(command, box, environment) as server:
                wait_ready(server, port, "/readyz", box)
                feed = [PYTHON, "-m", "benchmark.feeds.ours", str(box / PEOPLE), str(persons)]
                with closing(Feed(feed, box, environment)) as fed:
                    cursors = [PAST_SEQUENCE] * persons
                    request = stream_request(found, port)
                    address = ("127.0.0.1", port)
                    yield OurOpen(address, request, cursors, [server.pid], [redis.pid], fed, box)


class OurOpen(Open):
    """A door of ours, which tells what it had to read. Of one process; several tell one's."""

    def counters(self) -> dict[str, float]:
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        token = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        connection.request("GET", "/metrics", headers=token)
        text = connection.getresponse().read().decode()
        found = {}
        for name, counter in COUNTERS.items():
            value = re.search(rf"^{counter} (\S+)", text, re.MULTILINE)
            if value:
                found[name] = float(value[1])
        return found


def stream_request(found: People, port: int) -> Request:
    """The GET of a signed-in person's browser that comes back with its cursor."""

    def request(person: int, cursor: int) -> bytes:
        return (
            b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n"
            b"Cookie: %s\r\nLast-Event-ID: %d\r\n\r\n" % (port, found.cookies[person], cursor)
        )

    return request


class Gateway(OurDoor):
    name = "gateway"
    title = "Notifier's gateway"
    command = ("gateway", "--processes")


class WebDoor(OurDoor):
    name = "web"
    title = "Notifier's web door"
    command = ("serve", "--workers")
