"""send: what one message costs, from the POST to the socket of its recipient.

Sixteen senders at once, each waiting for its answer; the recipients hold their streams at the
gateway. CPU is that of all our processes and Redis together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
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
from benchmark.loop import Loop
from benchmark.programs import BenchError, free_port, program, redis_server, wait_ready
from benchmark.progress import say
from benchmark.senders import Inboxes, Office, Sender

# Web processes, as in the README's one command for a 2-core machine.
WORKERS = 2
# Messages before the reading: what is loaded late is loaded then.
WARM_UP_MESSAGES = 50
CEILING_SECONDS = 300
LAST_CEILING_SECONDS = 20


@dataclass
class _Site:
    """Web processes and a gateway over one database and one Redis."""

    people: People
    web: tuple[str, int]
    opened: Open


@contextlib.contextmanager
def _site(load: Load) -> Iterator[_Site]:
    web_port, gateway_port = free_port(), free_port()
    count = load.recipients + load.senders
    with settled(count) as (people, box), redis_server(box) as (redis_port, redis):
        environment = settings(box, web_port, redis_port)
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


def measure(load: Load) -> dict[str, Any]:
    """The figures of each way to send."""
    with _site(load) as site:
        loop = Loop()
        inboxes = Inboxes(loop, site.opened.address, site.opened.request, site.opened.cursors)
        inboxes.connect(load.connects_at_once, CEILING_SECONDS)
        if inboxes.live < load.recipients:
            raise BenchError(f"the recipients' streams failed: {dict(inboxes.failures)}")
        first, found = 0, {}
        for way in ("form", "json"):
            say(f"{load.messages:,} messages by {way}, {load.senders} senders at once")
            office = Office(loop, site.web, site.people.usernames[: load.recipients])
            senders = [
                Sender(office, _headers(site, load.recipients + number), way)
                for number in range(load.senders)
            ]
            _send(office, senders, inboxes, first, WARM_UP_MESSAGES)
            first += WARM_UP_MESSAGES
            found[way] = _measured(site, office, senders, inboxes, first, load.messages)
            first += load.messages
            for sender in senders:
                sender.close()
        inboxes.drop()
        return found


def _headers(site: _Site, person: int) -> bytes:
    origin = b"http://127.0.0.1:%d" % site.web[1]
    return (
        b"Host: 127.0.0.1:%d\r\nOrigin: %s\r\nSec-Fetch-Site: same-origin\r\nCookie: %s\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
    ) % (site.web[1], origin, site.people.cookies[person])


def _send(office: Office, senders: list[Sender], inboxes: Inboxes, first: int, count: int) -> None:
    """Send `count` messages and wait until all are answered and seen."""
    inboxes.forget()
    office.plan(first, count)
    for sender in senders:
        sender.send()
    office.loop.run_until(
        lambda: len(office.answers_ns) >= count or office.failures.total() >= len(senders),
        CEILING_SECONDS,
    )
    office.loop.run_until(lambda: len(inboxes.arrivals) >= count, LAST_CEILING_SECONDS)


def _measured(
    site: _Site, office: Office, senders: list[Sender], inboxes: Inboxes, first: int, count: int
) -> dict[str, Any]:
    office.loop.reset_account()
    server, redis = site.opened.server().cpu, site.opened.redis().cpu
    _send(office, senders, inboxes, first, count)
    client = office.loop.account()
    server, redis = site.opened.server().cpu - server, site.opened.redis().cpu - redis
    sent = {(office.recipient(n), n): ns for n, ns in office.sent_ns.items()}
    arrived = tally.count(sent, *_columns(inboxes.arrivals))
    # The order is that of the sequences, over every event; who sent first is nobody's promise.
    order = tally.count({}, inboxes.persons, inboxes.sequences, inboxes.times_ns)
    seconds = (max(sent.values()) - min(sent.values())) / 1e9 if sent else 0
    figures = {
        **arrived.as_dict(),
        "duplicated": arrived.duplicated + order.duplicated,
        "out_of_order": order.out_of_order,
        "cpu_ms": round((server + redis) / max(len(sent), 1) * 1000, 3),
        "redis_share": round(redis / (server + redis), 3) if server + redis else 0.0,
        "answer_p50_ms": tally.percentiles(ns / 1e6 for ns in office.answers_ns)[0],
        "per_second": round(len(sent) / seconds, 1) if seconds else None,
        "client": client,
    }
    streams = {f"streams: {reason}": n for reason, n in inboxes.failures.items()}
    return {"send": figures, "failures": {**office.failures, **streams}}


def _columns(rows: list[tuple[int, int, int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(zip(*rows, strict=True)) or ((), (), ())
