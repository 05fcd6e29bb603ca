"""The other door: streams only, as cheaply as Python can hold them.

One small protocol object a connection, on uvloop. No task, no queue, no timer and no generator
belongs to a stream: connects that come together share their queries, one sweep sends the
heartbeats and ends what is old, and events go from the bus to `transport.write` in plain calls.
The stream is byte for byte that of the web door.
"""

from __future__ import annotations

import asyncio
import hmac
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

from notifier import health, sse
from notifier.addresses import seen_from
from notifier.cookies import CookieReader, cookie_name
from notifier.engine import JITTER, Engine
from notifier.gateway_answers import FULL_RETRY_MAX_MS, FULL_RETRY_MIN_MS, NOT_FOUND, Answers
from notifier.gateway_arrivals import Arrivals
from notifier.gateway_connection import Connection
from notifier.gateway_request import OneRequest
from notifier.http1 import Answer, Wanted

# When the process goes away it gets no longer than this, or a few who read slowly would keep the
# supervisor waiting; what they have not taken they get elsewhere.
LAST_WORDS_SECONDS = 1.0
# Streams that the sweep looks at before it lets others go on: when all of them want a heartbeat an
# event waits a millisecond for that.
LOOKS_AT_ONCE = 100


class Gateway:
    """All connections of one gateway process, and what they share."""

    def __init__(self, engine: Engine, *, streams_most: int) -> None:
        settings = engine.settings
        self.engine = engine
        self.hub = engine.hub
        self.cookies = CookieReader(settings)
        self.cookie_name = cookie_name(settings)
        self.answers = Answers(settings)
        self.streams_most = streams_most
        # The width of a slot, which comes up at the first beat after its end: without this a
        # heartbeat would be that much late.
        self._slot_seconds = engine.pulse.seconds
        self.heartbeat_seconds = max(
            settings.heartbeat_seconds - 2 * self._slot_seconds, settings.heartbeat_seconds / 2
        )
        # Load tests come from one address, so the switch for them lifts this limit too.
        self.per_address_most = settings.streams_per_address if settings.limits_on else 0
        self.trusted_proxies = settings.trusted_proxies
        self.by_address: Counter[str] = Counter()
        self.connections: set[OneRequest] = set()
        # Streams by the slot (of the loop's time) in which something is due for them: a heartbeat
        # or the end. Each is looked at when its slot comes up, and not before.
        self._due: dict[int, set[Connection]] = {}
        # Streams for which there is something to do in the loop's next turn.
        self._rung: list[Connection] = []
        self._probes = 0
        self._loop = asyncio.get_running_loop()
        self.arrivals = Arrivals(self._loop)
        self.hub.now = now = self._loop.time()
        self._slot = int(now / self._slot_seconds)
        # Streams of slots that have come up.
        self._looked_for: list[Connection] = []
        self._stop_sweeping = engine.pulse.each(self._sweep)
        self._tasks: set[asyncio.Task[None]] = set()
        # Who closes the gateway waits for this: a connection is over.
        self._gone: asyncio.Future[None] | None = None

    def connection(self) -> Connection:
        """A protocol object for a connection that was accepted."""
        return Connection(self)

    def address_of(self, transport: asyncio.Transport, wanted: Wanted) -> str:
        """The address that a stream counts for; "" when addresses are not counted."""
        if not self.per_address_most:
            return ""
        peer = transport.get_extra_info("peername")
        return seen_from(str(peer[0]) if peer else "", wanted.forwarded, self.trusted_proxies)

    # -- limits and lives ------------------------------------------------------------------

    def refusal(self, recipient_id: int, address: str) -> bytes:
        """The stream with which one more is refused; b"" when there is room."""
        hub = self.hub
        if not hub.has_room(recipient_id) or (
            self.per_address_most and self.by_address[address] >= self.per_address_most
        ):
            hub.counts["too_many"] += 1
            return sse.TOO_MANY
        if self.engine.draining:
            return sse.retry()
        if hub.streams >= self.streams_most:
            hub.counts["process_full"] += 1
            return sse.retry(random.randint(FULL_RETRY_MIN_MS, FULL_RETRY_MAX_MS))
        return b""

    def counts_for(self, connection: Connection, address: str) -> None:
        """From now until it is gone, in the same turn in which there was room: many that come
        at once are all looked up before the first of them begins."""
        if address:
            connection.address = address
            self.by_address[address] += 1

    def begins(self, connection: Connection) -> None:
        """A stream has begun: from now on the sweep looks at it."""
        settings = self.engine.settings
        now = self._loop.time()
        # The first heartbeat comes at a random moment, and so does the end: streams that began
        # together beat and end apart.
        chance = random.random()
        connection.beat_at = now + self.heartbeat_seconds * (0.5 + 0.5 * chance)
        connection.ends_at = now + settings.stream_age_seconds * (1 + JITTER * (2 * chance - 1))
        self._await_due(connection)

    def _await_due(self, connection: Connection) -> None:
        """Look at a stream again when its next heartbeat or its end is due."""
        slot = int(min(connection.beat_at, connection.ends_at) / self._slot_seconds)
        connection.slot = slot
        self._due.setdefault(slot, set()).add(connection)

    def arrives(self, connection: OneRequest) -> None:
        """A connection was accepted."""
        self.connections.add(connection)
        self.arrivals.arrives(connection)

    def gone(self, connection: Connection) -> None:
        """A connection is over: nothing of it stays."""
        self.connections.discard(connection)
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self.arrivals.gone(connection)
        if (streams := self._due.get(connection.slot)) is not None:
            streams.discard(connection)
        if connection.address:
            self.by_address[connection.address] -= 1
            if not self.by_address[connection.address]:
                del self.by_address[connection.address]

    def ring_for(self, connection: Connection) -> Callable[[], None]:
        """What a stream's subscriber calls when there is something to do for it, which is never an
        event: those are written as they come."""
        return partial(self._ring, connection)

    def _ring(self, connection: Connection) -> None:
        if not self._rung:
            self._loop.call_soon(self._answer_rung)
        self._rung.append(connection)

    def _answer_rung(self) -> None:
        rung, self._rung = self._rung, []
        for connection in rung:
            try:
                connection.flush()
            except Exception as error:
                # It comes back.
                connection.failed("a stream's write failed", error)

    def _sweep(self, now: float) -> None:
        self.hub.now = now
        self.arrivals.time_out(now)
        # Also the slots that came up while the loop was kept from its sweep.
        before, self._slot = self._slot, int(now / self._slot_seconds)
        looking = bool(self._looked_for)
        for slot in range(before, self._slot):
            self._looked_for += self._due.pop(slot, ())
        if not looking:
            self._look()

    def _look(self) -> None:
        now = self.hub.now
        streams, self._looked_for = (
            self._looked_for[:LOOKS_AT_ONCE],
            self._looked_for[LOOKS_AT_ONCE:],
        )
        if self._looked_for:
            self._loop.call_soon(self._look)
        for connection in streams:
            try:
                if connection.look(now):
                    self._await_due(connection)
            except Exception as error:
                connection.failed("a stream's heartbeat failed", error)

    # -- what is not a stream --------------------------------------------------------------

    def answer_other(self, connection: Connection, wanted: Wanted) -> None:
        """Health and metrics, or 404."""
        if wanted.path == "/healthz":
            connection.answer(Answer(200, "ok\n"))
        elif wanted.path == "/readyz":
            task = self._loop.create_task(self._readyz(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif wanted.path == sse.PROBE_PATH and wanted.method == "GET":
            self._probe(connection)
        elif wanted.path == "/metrics" and self._may_see_metrics(wanted):
            text = health.metrics(self.engine).decode()
            connection.answer(Answer(200, text, content_type=health.METRICS_CONTENT_TYPE))
        else:
            connection.answer(NOT_FOUND)

    def _probe(self, connection: Connection) -> None:
        if self._probes >= sse.PROBES_MOST:
            connection.answer(Answer(503, "Too many are trying this.\n"))
            return
        self._probes += 1
        self._loop.call_later(sse.PROBE_SECONDS, self._probed)
        first = self.answers.stream_head + sse.retry()
        connection.answer_in_two(first, sse.PING, sse.PROBE_SECONDS)

    def _probed(self) -> None:
        self._probes -= 1

    async def _readyz(self, connection: Connection) -> None:
        missing = await health.missing(self.engine)
        if missing:
            connection.answer(Answer(503, "".join(f"{line}\n" for line in missing)))
        else:
            connection.answer(Answer(200, "ready\n"))

    def _may_see_metrics(self, wanted: Wanted) -> bool:
        settings = self.engine.settings
        if not settings.metrics_token:
            return settings.development
        given = wanted.authorization.removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.metrics_token.encode())

    async def close(self) -> None:
        """Wait for those who were told goodbye, then end every connection."""
        self.arrivals.close()
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while self.connections:
                    self._gone = self._loop.create_future()
                    await self._gone
        except TimeoutError:
            for connection in list(self.connections):
                connection.abort()
        self._stop_sweeping()
