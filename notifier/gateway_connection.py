"""One connection of the gateway: after its request perhaps a stream, then nothing more.

Kept small, for there are thousands: slots only, and no object that a waiting stream does not
need. Nothing here waits; what has to be waited for calls back.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from notifier import sse
from notifier.errors import Unavailable
from notifier.gateway_answers import NOT_ALLOWED, OTHER_ORIGIN, SIGN_IN
from notifier.gateway_request import OneRequest
from notifier.http1 import Wanted, cookie_value, query_value
from notifier.notifications import Backlog, ReadFrom
from notifier.signed_in import SignedIn, person_of
from notifier.states import BEHIND, CLOSED, LIVE, Ending
from notifier.stream import BUSY_RETRY_MS, CATCH_UP_RETRY_SECONDS, caught_up, farewell
from notifier.subscriber import Subscriber

if TYPE_CHECKING:
    from notifier.gateway import Gateway

# What a stream may leave unsent in this process before it counts as a slow consumer. The kernel
# holds some more; a browser that reads at all never comes near it.
UNSENT_MAX_BYTES = 16 * 1024


class Connection(OneRequest):
    """See the module. `ends_at` is 0 until the stream begins."""

    __slots__ = (
        "_confirmed",
        "_confirmed_at",
        "_paused",
        "_reading",
        "_subscriber",
        "address",
        "beat_at",
        "ends_at",
        "slot",
    )

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self._subscriber: Subscriber | None = None
        # When the bus had confirmed the subscription (loop time); 0 until that is known, and
        # until then what will tell it.
        self._confirmed_at = 0.0
        self._confirmed: asyncio.Future[float] | None = None
        self._paused = False
        # Whether a backlog is being read for this stream.
        self._reading = False
        self.address = ""
        self.beat_at = 0.0
        self.ends_at = 0.0
        # Where the sweep keeps it; no slot is below 0.
        self.slot = -1

    # -- what the transport calls ----------------------------------------------------------

    def pause_writing(self) -> None:
        self._paused = True
        if self._subscriber is not None:
            self._gateway.hub.counts["slow"] += self._subscriber.state is LIVE
            self._subscriber.fall_behind()

    def resume_writing(self) -> None:
        self._paused = False
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        subscriber = self._subscriber
        if subscriber is not None:
            self._gateway.hub.leave(subscriber)
            subscriber.close(Ending.LEFT)
            # The two know each other: what the collector of cycles would have to find.
            self._subscriber = None
        self._close_reader()
        self._gateway.gone(self)
        self._transport = None

    # -- the request -----------------------------------------------------------------------

    def arrived(self, wanted: Wanted) -> None:
        gateway = self._gateway
        gateway.arrivals.has_arrived(self)
        if wanted.method == "OPTIONS":
            self._last_words(gateway.answers.preflight())
        elif wanted.method not in {"GET", "HEAD"}:
            self.answer(NOT_ALLOWED)
        elif wanted.path != "/stream":
            gateway.answer_other(self, wanted)
        elif not gateway.answers.allows(wanted):
            self.answer(OTHER_ORIGIN)
        else:
            self._look_up(wanted)

    def _look_up(self, wanted: Wanted) -> None:
        """Register first, then read: one query, shared with who connects at the same time,
        tells whether the sign-in holds and whether the cursor is current."""
        gateway, transport = self._gateway, self._transport
        token = cookie_value(wanted.cookie, gateway.cookie_name)
        auth_id = gateway.cookies.auth_id(token) if token else None
        person_id = person_of(auth_id) if auth_id else None
        if auth_id is None or person_id is None or transport is None:
            self.answer(SIGN_IN)
            return
        if wanted.method != "HEAD":
            address = gateway.address_of(transport, wanted)
            if refusal := gateway.refusal(person_id, address):
                self._last_words(gateway.answers.stream_head + refusal)
                return
            gateway.counts_for(self, address)
            self._join(person_id, wanted)
        gateway.engine.stream_sign_ins.lookups.tell(auth_id, self._looked_up)

    def _join(self, person_id: int, wanted: Wanted) -> None:
        gateway, transport = self._gateway, self._transport
        assert transport is not None
        given = wanted.last_event_id or query_value(wanted.query, "last_event_id")
        cursor = sse.parse_cursor(given)
        subscriber = Subscriber(person_id, 0, cursor, gateway.ring_for(self), transport)
        self._subscriber = subscriber
        # The look-up is its first read; until it is back nothing else may read.
        self._reading = True
        subscriber.begin_catch_up()
        self._confirmed = gateway.hub.join(subscriber)
        if self._confirmed is None:
            self._confirmed_at = asyncio.get_running_loop().time()

    def _looked_up(self, who: SignedIn | Exception | None) -> None:
        subscriber = self._subscriber
        self._reading = False
        if self._transport is None or self._wanted is None:
            return
        answers = self._gateway.answers
        if isinstance(who, Unavailable):
            # Any other status than 200 would make the browser give up for good.
            self._last_words(answers.stream_head + sse.retry(BUSY_RETRY_MS))
        elif isinstance(who, Exception):
            self.abort()
            raise who
        elif who is None:
            self.answer(SIGN_IN)
        elif subscriber is None:
            self._last_words(answers.stream_head)
        elif subscriber.state is CLOSED:
            # A sign-in of this person ended meanwhile, perhaps this one: come back and see.
            self._last_words(answers.stream_begins())
        else:
            self._begin(who, subscriber)

    def _begin(self, who: SignedIn, subscriber: Subscriber) -> None:
        gateway, transport = self._gateway, self._transport
        assert transport is not None
        self._wanted = None
        subscriber.sign_in_id = who.sign_in_id
        subscriber.floor = who.last_sequence
        transport.set_write_buffer_limits(high=UNSENT_MAX_BYTES)
        gateway.begins(self)
        transport.write(gateway.answers.stream_begins())
        self._see_confirmed()
        if subscriber.cursor == who.last_sequence and 0 < self._confirmed_at <= who.read_at:
            # The bus had confirmed before the look-up read: whatever came later was heard.
            subscriber.caught_up(who.last_sequence, complete=True)
        self.flush()

    def _see_confirmed(self) -> None:
        """Learn when the bus confirmed, now (as nearly always) or once it does; it lets nobody
        wait for long: when it cannot confirm, it says so."""
        confirmed, self._confirmed = self._confirmed, None
        if confirmed is None:
            return
        if confirmed.done():
            self._confirmed_at = confirmed.result()
        else:
            confirmed.add_done_callback(self._on_confirmed)

    def _on_confirmed(self, confirmed: asyncio.Future[float]) -> None:
        self._confirmed_at = confirmed.result()
        self.flush()

    # -- the stream ------------------------------------------------------------------------

    def flush(self) -> None:
        """Do what is to be done for a stream that is not live: catch up, or end."""
        subscriber = self._subscriber
        if subscriber is None or self._transport is None or not self.ends_at:
            return
        if subscriber.state is BEHIND:
            self._catch_up()
        elif subscriber.state is CLOSED:
            self._last_words(farewell(subscriber.ending))

    def look(self, now: float) -> bool:
        """The sweep's look: a heartbeat, or the end. False when there will be no other look."""
        subscriber = self._subscriber
        if subscriber is None or self._transport is None or subscriber.state is CLOSED:
            return False
        if now >= self.ends_at:
            subscriber.close(Ending.AGED)
            return False
        # A heartbeat is what a stream says in silence.
        self.beat_at = max(self.beat_at, subscriber.spoke_at + self._gateway.heartbeat_seconds)
        if now >= self.beat_at:
            self.beat_at = now + self._gateway.heartbeat_seconds
            if not self._paused:
                self._transport.write(sse.PING)
        return True

    def _catch_up(self) -> None:
        subscriber = self._subscriber
        if (
            subscriber is None
            or subscriber.state is not BEHIND
            or self._reading
            or self._paused
            or not self._confirmed_at
            or self._transport is None
        ):
            return
        self._reading = True
        read_from = subscriber.begin_catch_up()
        wanted = ReadFrom(subscriber.recipient_id, read_from, subscriber.floor)
        self._gateway.engine.catch_up.tell(wanted, self._caught_up)

    def _caught_up(self, backlog: Backlog | Exception) -> None:
        self._reading = False
        subscriber, transport = self._subscriber, self._transport
        if subscriber is None or transport is None:
            return
        if isinstance(backlog, Unavailable):
            pause = CATCH_UP_RETRY_SECONDS * random.uniform(0.5, 1.5)
            asyncio.get_running_loop().call_later(pause, self._catch_up)
        elif isinstance(backlog, Exception):
            # A fault of ours: the browser comes back, and the loop's handler logs it.
            self.abort()
            raise backlog
        elif subscriber.state is BEHIND:
            self._gateway.hub.wrote_backlog(subscriber, backlog.events)
            if frames := caught_up(subscriber, subscriber.cursor, backlog):
                transport.write(frames)
            self.flush()
