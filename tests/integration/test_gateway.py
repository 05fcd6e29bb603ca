"""Inside one gateway process: when streams are written to, and that a fault stays with its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from notifier import notifications, sse
from notifier.bus_messages import to_bus
from notifier.engine import Engine
from notifier.events import Event
from notifier.gateway import LOOKS_AT_ONCE, Gateway
from notifier.gateway_connection import Connection
from notifier.gateway_request import OneRequest
from notifier.notifications import New
from notifier.signed_in import SignedIn
from notifier.states import LIVE
from notifier.subscriber import Subscriber
from tests.integration.conftest import add_people
from tests.patience import until


class Sink:
    """As much of a transport as a stream needs."""

    def __init__(self, fails: bool = False) -> None:
        self.written = b""
        self.aborted = self.closed = False
        # A note was written.
        self.noted = asyncio.Event()
        self._fails = fails

    def write(self, data: bytes) -> None:
        if self._fails:
            raise RuntimeError("a fault of ours")
        self.written += data
        if b"event: note" in data:
            self.noted.set()

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted or self.closed

    def close(self) -> None:
        self.closed = True

    def set_write_buffer_limits(self, high: int) -> None:
        pass


def stream(gateway: Gateway, recipient_id: int, sink: Sink) -> Connection:
    """A stream that has begun and is live."""
    connection = gateway.connection()
    connection._transport = cast(asyncio.Transport, sink)
    connection.ends_at = float("inf")
    connection._confirmed_at = 1.0
    subscriber = Subscriber(recipient_id, 1, 0, gateway.ring_for(connection), sink)
    connection._subscriber = subscriber
    gateway.hub.join(subscriber)
    assert subscriber.caught_up(0, complete=True)
    return connection


async def note(engine: Engine, recipient_id: int) -> None:
    """A note in the log, of which nobody is told."""
    async with engine.database.write() as connection:
        await notifications.record(connection, recipient_id, [New("note", 1)], kept_most=10)


def brings(gateway: Gateway, *messages: tuple[int, bytes]) -> None:
    """The bus brings these, each for a recipient who has a stream."""
    audiences = gateway.hub._audiences
    for one, data in messages:
        gateway.hub.received(audiences[one], data)


def message(recipient_id: int, *sequences: int) -> bytes:
    (only,) = to_bus([Event(recipient_id, n, "note", n, 1.0) for n in sequences])
    return only


@pytest.fixture
async def gateway(engine: Engine) -> Any:
    gateway = Gateway(engine, streams_most=10)
    yield gateway
    await gateway.close()


async def test_what_the_bus_brings_is_written_before_anything_else_has_its_turn(
    gateway: Gateway,
) -> None:
    one, other = Sink(), Sink()
    stream(gateway, 1, one)
    stream(gateway, 2, other)
    brings(gateway, (1, message(1, 1)), (2, message(2, 1, 2)))
    assert one.written.count(b"event: note") == 1
    assert other.written.count(b"event: note") == 2
    assert gateway.hub.delivered == 3


async def test_a_fault_with_one_stream_ends_that_stream_and_no_other(gateway: Gateway) -> None:
    broken, sound = Sink(fails=True), Sink()
    stream(gateway, 1, broken)
    stream(gateway, 2, sound)
    brings(gateway, (1, message(1, 1)), (2, message(2, 1)))
    assert sound.written.count(b"event: note") == 1
    await until(lambda: broken.closed, "it ends in the loop's next turn")
    assert not sound.closed
    brings(gateway, (2, message(2, 2)))
    assert sound.written.count(b"event: note") == 2


async def test_who_fell_behind_outside_of_the_buss_call_is_served_too(gateway: Gateway) -> None:
    """Reconcile does that."""
    (harry,) = await add_people(gateway.engine.database, "harry")
    await note(gateway.engine, harry)
    sink = Sink()
    connection = stream(gateway, harry, sink)
    assert connection._subscriber is not None
    connection._subscriber.fall_behind(1)
    assert not sink.written
    async with asyncio.timeout(5):
        await sink.noted.wait()
    assert sink.written.count(b"event: note") == 1


async def test_a_full_socket_is_written_to_again_when_it_has_room_and_from_the_table(
    gateway: Gateway,
) -> None:
    (harry,) = await add_people(gateway.engine.database, "harry")
    sink = Sink()
    connection = stream(gateway, harry, sink)
    connection.pause_writing()
    await note(gateway.engine, harry)
    brings(gateway, (harry, message(harry, 1)))
    await asyncio.sleep(0)
    assert not sink.written, "nothing piles up in this process"
    assert gateway.hub.counts["slow"] == 1
    connection.resume_writing()
    async with asyncio.timeout(5):
        await sink.noted.wait()
    assert sink.written.count(b"event: note") == 1


async def test_an_event_is_as_good_as_a_heartbeat(gateway: Gateway) -> None:
    sink = Sink()
    connection = stream(gateway, 1, sink)
    spoke_at = gateway.hub.now
    brings(gateway, (1, message(1, 1)))
    written, sink.written = sink.written, b""
    assert written
    silence = gateway.heartbeat_seconds
    assert connection.look(spoke_at + silence / 2) and not sink.written
    assert connection.beat_at == spoke_at + silence
    assert connection.look(connection.beat_at) and sink.written == sse.PING
    assert connection.beat_at == spoke_at + silence + silence


async def test_heartbeats_that_are_due_together_let_others_go_on(gateway: Gateway) -> None:
    now = asyncio.get_running_loop().time()
    gateway._slot = int(now) - 2
    # In the last portion is more than the one that fails, whichever it is in.
    sinks = [Sink(fails=number == 1) for number in range(2 * LOOKS_AT_ONCE + 2)]
    for number, sink in enumerate(sinks):
        connection = stream(gateway, number + 1, sink)
        connection.beat_at = now - 1
        gateway._await_due(connection)
    turns = []

    def beaten() -> int:
        return sum(sink.written == sse.PING for sink in sinks)

    gateway._sweep(now)
    while beaten() < len(sinks) - 1:
        turns.append(beaten())
        await asyncio.sleep(0)
    assert turns[0] == LOOKS_AT_ONCE or turns[0] == LOOKS_AT_ONCE - 1
    assert len(turns) >= 2, "the loop had a turn in between"
    assert sinks[1].aborted, "a fault ends its own stream"
    assert sum(len(due) for due in gateway._due.values()) == len(sinks) - 1, "all will beat again"


async def test_a_gap_is_read_over_at_once(gateway: Gateway) -> None:
    (harry,) = await add_people(gateway.engine.database, "harry")
    connection = stream(gateway, harry, Sink())
    subscriber = connection._subscriber
    assert subscriber is not None
    gateway.hub.gap()
    await until(lambda: subscriber.state is LIVE, "it has read the table")
    assert subscriber.catch_ups == 1


async def test_the_bus_has_confirmed_who_joined_before_they_are_looked_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a stream whose cursor is current then has missed nothing, and reads nothing."""
    queries_when_settled = []

    async def settle(_seconds: float) -> None:
        queries_when_settled.append(engine.database.queries)

    monkeypatch.setattr(engine.bus, "settle", settle)
    before = engine.database.queries
    assert await engine.stream_sign_ins.find("1.nobody") is None
    assert queries_when_settled == [before]
    assert engine.database.queries == before + 1


@pytest.mark.parametrize(
    ("confirmed_at", "late", "reads"),
    [(1.0, False, False), (2.0, False, False), (3.0, False, True), (3.0, True, True)],
)
async def test_what_was_committed_before_the_bus_had_confirmed_is_read(
    gateway: Gateway, confirmed_at: float, late: bool, reads: bool
) -> None:
    """Between the look-up and the confirmation nobody would hear of it."""
    (harry,) = await add_people(gateway.engine.database, "harry")
    await note(gateway.engine, harry)
    sink, catch_ups = Sink(), gateway.engine.catch_ups
    begins = gateway.connection()
    begins._transport = cast(asyncio.Transport, sink)
    begins._subscriber = subscriber = Subscriber(harry, 0, 0, gateway.ring_for(begins), sink)
    gateway.hub.join(subscriber)
    subscriber.begin_catch_up()
    begins._confirmed = confirmed = asyncio.get_running_loop().create_future()
    if not late:
        confirmed.set_result(confirmed_at)
    begins._begin(SignedIn(1, harry, "harry", 0.0, last_sequence=0, read_at=2.0), subscriber)
    if late:
        assert gateway.engine.catch_ups == catch_ups, "not before the bus says so"
        confirmed.set_result(confirmed_at)
    assert (subscriber.state is LIVE) is not reads
    if reads:
        async with asyncio.timeout(5):
            await sink.noted.wait()
    assert gateway.engine.catch_ups - catch_ups == reads


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer_to(port: int, *pieces: bytes, eof: bool = False) -> bytes:
    """What a connection is told that sends so much, each piece by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0)
    if eof:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
async def port(gateway: Gateway) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(gateway.connection, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_everybody_in_a_crowd_is_answered_however_the_request_comes(
    gateway: Gateway, port: int
) -> None:
    cut = len(HEALTH) // 2
    crowd = [
        answer_to(port, HEALTH),
        answer_to(port, HEALTH[:cut], HEALTH[cut:]),
        # Says no more, and still wants to hear.
        answer_to(port, HEALTH, eof=True),
        answer_to(port, *(HEALTH[n : n + 1] for n in range(len(HEALTH)))),
        # As much as a head may have, and more than that, in one piece.
        answer_to(port, b"GET / HTTP/1.1\r\nX: " + b"a" * 60_000, eof=True),
    ]
    answers = await asyncio.gather(*crowd, *(answer_to(port, HEALTH) for _ in range(40)))
    assert [answer[9:12] for answer in answers[:5]] == [b"200", b"200", b"200", b"200", b"431"]
    assert {answer[9:12] for answer in answers[5:]} == {b"200"}
    await until(lambda: not gateway.connections, "nothing is left of them")


async def test_requests_of_a_crowd_are_read_together_and_a_fault_with_one_is_its_own(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    read: list[OneRequest] = []

    def reads(connection: OneRequest) -> None:
        read.append(connection)
        if connection is second:
            raise RuntimeError("a fault of ours")

    monkeypatch.setattr(OneRequest, "read", reads)
    first, second, third = (gateway.connection() for _ in range(3))
    sink = Sink()
    second._transport = cast(asyncio.Transport, sink)
    for connection in (first, second, third):
        connection.data_received(HEALTH)
    assert read == [first], "who comes alone is read at once, and others wait for the crowd"
    await until(lambda: len(read) == 3, "they are read")
    assert read == [first, second, third]
    assert sink.aborted
    assert [str(fault["exception"]) for fault in faults] == ["a fault of ours"]
    fourth = gateway.connection()
    await until(lambda: gateway.arrivals._reading is None, "the crowd is over")
    fourth.data_received(HEALTH)
    assert read[-1] is fourth, "alone again"
