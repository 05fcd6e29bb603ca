"""This process's audiences, by recipient: a dictionary, and the subscriptions it stands for.

Plain calls on one event loop: there is no `await` between looking at the dictionary and
changing it. One bus subscription per connected recipient, dropped some seconds after the last
stream of that recipient has left, because most of them come back at once (a page was turned).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from time import time

import structlog

from notifier.audience import Audience
from notifier.bus import Bus
from notifier.bus_messages import PART_END, Heard, from_bus
from notifier.endings import Endings
from notifier.events import Ended, Event, Signal
from notifier.lateness import Lateness
from notifier.states import BEHIND, LIVE, READY, TAKEN, Ending
from notifier.subscriber import Subscriber

log = structlog.get_logger("notifier.hub")

# How long a recipient's subscription outlives their last stream.
LINGER_SECONDS = 10.0


class Hub:
    """Joins streams to the bus. It is the bus's `Receiver`."""

    def __init__(self, bus: Bus, *, streams_per_person: int) -> None:
        self._bus = bus
        self._streams_per_person = streams_per_person
        # Of everybody whom the bus is asked to hear.
        self._audiences: dict[int, Audience] = {}
        # Those of them without streams: when their subscription goes (loop time), and the cursor
        # of their last stream.
        self._leaving: dict[int, tuple[float, int]] = {}
        self.counts: Counter[str] = Counter()
        # The loop's time as a door last read it, for streams that are written to at once. It is
        # coarse, so that no event costs a look at the clock.
        self.now = 0.0
        self.streams = 0
        # Events that were written to streams.
        self.delivered = 0
        self.endings = Endings()
        self.lateness = Lateness()

    def has_room(self, recipient_id: int) -> bool:
        """Whether a person may open one more stream in this process."""
        audience = self._audiences.get(recipient_id)
        return audience is None or sum(1 for _ in audience) < self._streams_per_person

    def join(self, subscriber: Subscriber) -> asyncio.Future[float] | None:
        """Take a stream in. Only once the returned future is done (None: at once) may its
        backlog be read: what commits later than that is heard."""
        recipient_id = subscriber.recipient_id
        audience = self._audiences.get(recipient_id)
        if audience is None:
            audience = self._audiences[recipient_id] = Audience(recipient_id)
        audience.add(subscriber)
        self.streams += 1
        subscriber.began_at = time()
        self._leaving.pop(recipient_id, None)
        return self._bus.subscribe(audience)

    def leave(self, subscriber: Subscriber) -> None:
        """Let a stream go; harmless when it is gone already."""
        recipient_id = subscriber.recipient_id
        audience = self._audiences.get(recipient_id)
        if audience is None or not audience.remove(subscriber):
            return
        self.streams -= 1
        if subscriber.sign_in_id:
            # One without was refused before it began.
            self.endings.ended(subscriber, time())
        if audience.first is not None:
            return
        at = asyncio.get_running_loop().time() + LINGER_SECONDS
        self._leaving[recipient_id] = at, subscriber.cursor or 0

    def drop_idle_subscriptions(self) -> None:
        """Unsubscribe from recipients who have been away long enough; called now and then."""
        self.lateness.begin_anew()
        now = asyncio.get_running_loop().time()
        # In the order in which they left, so the first that may stay ends the search.
        while self._leaving:
            recipient_id, (at, _) = next(iter(self._leaving.items()))
            if at > now:
                return
            del self._leaving[recipient_id], self._audiences[recipient_id]
            self._bus.unsubscribe(recipient_id)

    # -- the bus's receiver ----------------------------------------------------------------

    def received(self, audience: Audience, message: bytes) -> None:
        """Offer what came in to every stream of its audience; garbage is dropped, counted."""
        subscriber = audience.first
        if subscriber is None:
            self.counts["nobody"] += 1
            return
        try:
            before, last, frames, more = message.split(PART_END)
        except ValueError:
            # No events in a row. No stream was told this, for no part can have it.
            before = last = frames = more = PART_END
        heard: list[Heard] | None = None
        while subscriber is not None:
            if before == subscriber.told:
                # Events in a row, for a stream that is written to at once: the common way, with as
                # few steps as there can be. What `offer` does is done by one comparison.
                subscriber.told, ready = last, frames
                if more:
                    self.delivered += len(more)
            else:
                if heard is None:
                    heard = self._heard(audience.recipient_id, message)
                ready = self._offer(subscriber, heard)
            if ready:
                subscriber.spoke_at = self.now
                try:
                    # Who has none is never ready.
                    subscriber.sink.write(ready)  # type: ignore[union-attr]
                except Exception:
                    # Its browser comes back with its own cursor, and no other is concerned.
                    log.exception("stream_failed", recipient_id=subscriber.recipient_id)
                    subscriber.fail()
                # What `wrote` does, without a call.
                self.delivered = delivered = self.delivered + 1
                if delivered >= self.lateness.next_at:
                    self.lateness.wrote(ready, delivered)
            subscriber = subscriber.next

    def _heard(self, recipient_id: int, message: bytes) -> list[Heard]:
        """Everything in a message, whatever it is; nothing, if it is garbage."""
        try:
            return from_bus(recipient_id, message)
        except ValueError as error:
            self._garbage(error)
            return []

    def _offer(self, subscriber: Subscriber, heard: list[Heard]) -> bytes:
        """Offer all of it, in order. Returns what is to be written in one go, which counts as one
        event there; the others in it are counted here."""
        ready: list[bytes] = []
        for one in heard:
            if isinstance(one, Ended):
                # One that is still looking up its sign-in (0) cannot know whether it is meant.
                if not subscriber.sign_in_id or subscriber.sign_in_id in one.sign_in_ids:
                    subscriber.close(Ending.SIGNED_OUT)
                continue
            if isinstance(one, Signal):
                offer = subscriber.offer_signal(one)
                self.counts["signals"] += offer is TAKEN or offer is READY
            else:
                offer = subscriber.offer(one.sequence, one.frame)
            if offer is READY:
                ready.append(one.frame)
            elif offer is not TAKEN:
                self.counts[offer.value] += 1
        if ready:
            self.delivered += len(ready) - 1
        return b"".join(ready)

    def _garbage(self, error: ValueError) -> None:
        self.counts["garbage"] += 1
        if self.counts["garbage"] == 1:
            log.warning("bus_message_dropped", reason=str(error)[:100])

    def gap(self) -> None:
        """Everybody is behind."""
        self.counts["gaps"] += 1
        for subscriber in list(self):
            self.counts["bus"] += subscriber.state is LIVE
            subscriber.fall_behind()

    # -- what the doors have written -------------------------------------------------------

    def wrote(self, count: int, first: bytes) -> None:
        """A door wrote so many to a live stream in one go: the first of them waited longest."""
        self.delivered += count
        if self.delivered >= self.lateness.next_at:
            self.lateness.wrote(first, self.delivered)

    def wrote_backlog(self, subscriber: Subscriber, events: Sequence[Event]) -> None:
        """A door wrote these while it caught up; what is older than its stream was not late."""
        self.delivered += len(events)
        subscriber.gave_backlog(len(events))
        now = time()
        for event in events:
            if event.timestamp >= subscriber.began_at:
                self.lateness.seen(now - event.timestamp)

    # -- for reconcile, drain and the metrics ----------------------------------------------

    def __iter__(self) -> Iterator[Subscriber]:
        for audience in list(self._audiences.values()):
            yield from audience

    @property
    def recipients(self) -> int:
        """How many people have a stream here."""
        return len(self._audiences) - len(self._leaving)

    @property
    def left(self) -> dict[int, int]:
        """Who has no stream here any more since some seconds, with the newest sequence that
        their last one told."""
        return {recipient_id: cursor for recipient_id, (_, cursor) in self._leaving.items()}

    @property
    def behind(self) -> int:
        """How many streams are behind at this moment."""
        return sum(1 for subscriber in self if subscriber.state is BEHIND)

    def compare(
        self, positions: dict[int, int], asked: list[Subscriber]
    ) -> list[tuple[Subscriber, int]]:
        """Hold streams against the table; which are short of it, and of what sequence.

        `positions` is the newest sequence by sign-in, read after `asked` was listed; a sign-in
        that is missing from it is over.
        """
        short = []
        for subscriber in asked:
            if not subscriber.sign_in_id:
                continue
            last_sequence = positions.get(subscriber.sign_in_id)
            if last_sequence is None:
                subscriber.close(Ending.SIGNED_OUT)
            elif subscriber.short_of(last_sequence):
                short.append((subscriber, last_sequence))
        return short
