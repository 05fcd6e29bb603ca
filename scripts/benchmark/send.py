"""send: what one message costs, from the POST to the socket of its recipient.

Sixteen connections at once, each waiting for its answer, by people who have written to their
recipient before and are counted by the rate limits; the recipients hold their streams at the
gateway. CPU is that of all our processes and Redis together.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmark import tally
from benchmark.doors.door import Open
from benchmark.doors.ours import (
    NOTIFIER,
    PAST_SEQUENCE,
    OurOpen,
    People,
    settings,
    settled,
    stream_request,
)
from benchmark.load import Load
from benchmark.loop import Loop, worst
from benchmark.programs import BenchError, free_port, program, redis_server, wait_ready
from benchmark.progress import say
from benchmark.senders import Inboxes, Office, Sender

# Web processes, as in the README's one command for a 2-core machine.
WORKERS = 2
WAYS = ("form", "json")
# The ways take turns, so that what else the machine does falls on both; in the order of Thue and
# Morse, in which what grows or shrinks meanwhile favours neither. Each turn has connections of its
# own: which process accepts how many of them decides how many messages share a transaction.
TURNS = (0, 1, 1, 0, 1, 0, 0, 1)
# Below what one person may send in a minute (`limits.SEND_PERSON`), in a whole run.
SENDS_EACH_MOST = 50
CEILING_SECONDS = 300
LAST_CEILING_SECONDS = 20


@dataclass
class _Site:
    """Web processes and a gateway over one database and one Redis."""

    people: People
    web: tuple[str, int]
    opened: Open


@dataclass
class _Sum:
    """What was measured of one way, over its turns."""

    sent: dict[tuple[int, int], int] = field(default_factory=dict)
    arrivals: list[tuple[int, int, int]] = field(default_factory=list)
    # Every event that the recipients saw: person, sequence, when.
    events: list[tuple[int, int, int]] = field(default_factory=list)
    answers_ns: list[int] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    clients: list[dict[str, Any]] = field(default_factory=list)
    # CPU of each turn, in seconds, and how long it took.
    server: list[float] = field(default_factory=list)
    redis: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        arrived = tally.count(self.sent, *_columns(self.arrivals))
        # The order is that of the sequences, over every event; who sent first is nobody's promise.
        order = tally.count({}, *_columns(self.events))
        count, redis = len(self.sent), sum(self.redis)
        total = sum(self.server) + redis
        return {
            **arrived.as_dict(),
            "duplicated": arrived.duplicated + order.duplicated,
            "out_of_order": order.out_of_order,
            "cpu_ms": round(total / max(count, 1) * 1000, 3),
            "cpu_ms_of_turns": [
                round((server + redis) / max(count, 1) * len(self.server) * 1000, 3)
                for server, redis in zip(self.server, self.redis, strict=True)
            ],
            "redis_share": round(redis / total, 3) if total else 0.0,
            "answer_p50_ms": tally.percentiles(ns / 1e6 for ns in self.answers_ns)[0],
            "per_second": round(count / self.seconds, 1) if self.seconds else None,
            "client": worst(self.clients),
        }


def _writers(load: Load) -> int:
    """How many people write: a whole number for each recipient, so that pairs repeat."""
    total = (len(WAYS) + 1) * load.messages
    return load.recipients * math.ceil(total / (load.recipients * SENDS_EACH_MOST))


@contextlib.contextmanager
def _site(load: Load) -> Iterator[_Site]:
    web_port, gateway_port = free_port(), free_port()
    count = load.recipients + _writers(load)
    with settled(count, on_disk=True) as (people, box), redis_server(box) as (redis_socket, redis):
        environment = settings(box, web_port, redis_socket) | {"NOTIFIER_RATE_LIMITS": "on"}
        web = [NOTIFIER, "serve", "--workers", str(WORKERS), "--bind", f"127.0.0.1:{web_port}"]
        gateway = [NOTIFIER, "gateway", "--bind", f"127.0.0.1:{gateway_port}"]
        with program(web, box, environment) as one, program(gateway, box, environment) as other:
            wait_ready(one, web_port, "/readyz", box)
            wait_ready(other, gateway_port, "/readyz", box)
            pids, request = [one.pid, other.pid], stream_request(people, gateway_port)
            cursors = [PAST_SEQUENCE] * load.recipients
            address = ("127.0.0.1", gateway_port)
            opened = OurOpen(address, request, cursors, pids, [redis.pid], None, box)
            yield _Site(people, ("127.0.0.1", web_port), opened)


@dataclass
class _Posting:
    """What every turn needs: the servers, who writes what, who receives it, over how many
    connections."""

    opened: Open
    office: Office
    inboxes: Inboxes
    connections: int

    def post(self, way: str, first: int, count: int) -> None:
        """Send `count` messages on new connections; wait until all are answered and seen."""
        office = self.office
        self.inboxes.forget()
        office.plan(first, count)
        senders = [Sender(office, way) for _ in range(self.connections)]
        for sender in senders:
            sender.send()
        office.loop.run_until(
            lambda: len(office.answers_ns) >= count or office.failures.total() >= len(senders),
            CEILING_SECONDS,
        )
        office.loop.run_until(lambda: len(self.inboxes.arrivals) >= count, LAST_CEILING_SECONDS)
        for sender in senders:
            sender.close()

    def measure(self, way: str, first: int, count: int, into: _Sum) -> None:
        """Send as `post` does, and add what it took."""
        office, inboxes = self.office, self.inboxes
        office.loop.reset_account()
        server, redis = self.opened.server().cpu, self.opened.redis().cpu
        self.post(way, first, count)
        into.clients.append(office.loop.account())
        into.server.append(self.opened.server().cpu - server)
        into.redis.append(self.opened.redis().cpu - redis)
        into.sent |= {(office.recipient(n), n): ns for n, ns in office.sent_ns.items()}
        into.arrivals += inboxes.arrivals
        into.events += zip(inboxes.persons, inboxes.sequences, inboxes.times_ns, strict=True)
        into.answers_ns += office.answers_ns
        into.failures += office.failures
        if sent := office.sent_ns.values():
            into.seconds += (max(sent) - min(sent)) / 1e9


def measure(load: Load) -> dict[str, Any]:
    """The figures of each way to send."""
    with _site(load) as site:
        loop = Loop()
        inboxes = Inboxes(loop, site.opened.address, site.opened.request, site.opened.cursors)
        inboxes.connect(load.connects_at_once, CEILING_SECONDS)
        if inboxes.live < load.recipients:
            raise BenchError(f"the recipients' streams failed: {dict(inboxes.failures)}")
        writers = [_headers(site, load.recipients + number) for number in range(_writers(load))]
        office = Office(loop, site.web, writers, site.people.usernames[: load.recipients])
        posting = _Posting(site.opened, office, inboxes, load.senders)
        # Everybody writes for the first time, and what is loaded late is loaded.
        first = len(writers)
        for way in WAYS:
            posting.post(way, 0, first)
            if office.failures:
                raise BenchError(f"the first messages by {way} failed: {dict(office.failures)}")
        sums = {way: _Sum() for way in WAYS}
        count = max(load.messages // (len(TURNS) // len(WAYS)), 1)
        for turn in TURNS:
            way = WAYS[turn]
            say(f"{count:,} messages by {way}, {load.senders} senders at once")
            posting.measure(way, first, count, sums[way])
            first += count
        streams = {f"streams: {reason}": n for reason, n in inboxes.failures.items()}
        inboxes.drop()
        return {
            way: {"send": one.figures(), "failures": {**one.failures, **streams}}
            for way, one in sums.items()
        }


def _headers(site: _Site, person: int) -> bytes:
    origin = b"http://127.0.0.1:%d" % site.web[1]
    return (
        b"Host: 127.0.0.1:%d\r\nOrigin: %s\r\nSec-Fetch-Site: same-origin\r\nCookie: %s\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
    ) % (site.web[1], origin, site.people.cookies[person])


def _columns(rows: list[tuple[int, int, int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(zip(*rows, strict=True)) or ((), (), ())
