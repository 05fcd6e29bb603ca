"""A small world for one stream: a log, a bus that loses, a door that is slow, and a browser.

The hub, the Subscriber, the frames and the door's bookkeeping are the real ones; the log answers as
`notifications.backlogs` does, and the bus does whatever a history says.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from notifier import sse
from notifier.audience import Audience
from notifier.bus import MemoryBus
from notifier.bus_messages import to_bus
from notifier.events import SEQUENCE_MAX, Event, Happened, Signal
from notifier.hub import Hub
from notifier.notifications import Backlog
from notifier.states import Ending, State
from notifier.stream import caught_up
from notifier.subscriber import MAILBOX_EVENTS, Subscriber
from tests.event_source import EventSource

# Small, so that short histories meet their edges; the real ones are 200 and 1000.
BACKLOG_ROWS = 3
KEPT_MOST = 60
COUNT = "unread_message_count"
SIGNAL = "typing"
# Far more than any history needs; a door that goes on beyond it would go on for ever.
STEPS_MOST = 2_000


@dataclass
class Log:
    """One recipient's notifications."""

    rows: dict[int, tuple[Event, bool]] = field(default_factory=dict)
    last: int = 0
    pruned: int = 0
    unread: int = 0

    def send(self, messages: int) -> list[Event]:
        """One transaction: some messages, and the count."""
        self.unread += messages
        kept = [self._event("message", {"number": self.last + 1}, True) for _ in range(messages)]
        happened = [*kept, self._event(COUNT, self.unread, False)]
        self._prune_to(KEPT_MOST)
        return happened

    def read_all(self) -> list[Event]:
        self.unread = 0
        return [self._event(COUNT, 0, False)]

    def notice(self) -> list[Event]:
        """Kept, and no state after it: the newest event of a person need not be state."""
        return [self._event("notice", self.last + 1, True)]

    def progress(self, percent: int) -> list[Event]:
        return [self._event("progress", percent, False)]

    def prune(self) -> None:
        self._prune_to(1)

    def backlog(self, cursor: int | None, floor: int) -> Backlog:
        if cursor is None:
            rows = self.rows.values()
            begins = [event for event, kept in rows if not kept or event.sequence > floor]
            return Backlog(begins, self.last, complete=True)
        if cursor > self.last or cursor < self.pruned:
            return Backlog([], self.last, complete=True, reset=True)
        events = [event for event, _ in self.rows.values() if event.sequence > cursor]
        if len(events) >= BACKLOG_ROWS:
            part = events[:BACKLOG_ROWS]
            return Backlog(part, part[-1].sequence, complete=False)
        return Backlog(events, self.last, complete=True)

    def _event(self, name: str, payload: object, kept: bool) -> Event:
        self.last += 1
        if not kept:
            for sequence in [s for s, (e, k) in self.rows.items() if e.name == name and not k]:
                del self.rows[sequence]
        event = Event(1, self.last, name, payload, float(self.last))
        self.rows[self.last] = event, kept
        return event

    def _prune_to(self, most: int) -> None:
        kept = [sequence for sequence, (_, is_kept) in self.rows.items() if is_kept]
        for sequence in kept[: max(0, len(kept) - most)]:
            del self.rows[sequence]
            self.pruned = sequence


class Page:
    """A browser's page: what it has seen since it began, or since it last had to reload."""

    def __init__(self) -> None:
        self.source = EventSource()
        self.seen: list[int] = []
        self.shown: dict[str, object] = {}
        self.signals: list[object] = []
        # Everything after this must arrive; what was before, the page was rendered with.
        self.begins_at: int | None = None

    def reads(self, data: bytes) -> None:
        for event in self.source.feed(data):
            if event.name == "reset":
                self.seen, self.shown, self.begins_at = [], {}, None
                continue
            note = event.notification
            if event.name == SIGNAL:
                assert "sequence" not in note
                self.signals.append(note["data"])
                continue
            assert event.last_event_id == str(note["sequence"])
            last = self.seen[-1] if self.seen else 0
            assert note["sequence"] > last, "once, and in order"
            self.seen.append(note["sequence"])
            self.shown[note["name"]] = note["data"]


class _Wire:
    """The gateway's transport: what is written is on its way."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, data: bytes) -> None:
        self._world.wire.append((data, None))


class World:
    """One browser's way through a history. Every method is one thing that may happen.

    Its door is the web's, which takes from a mailbox when it is rung for, or, with `sink`, the
    gateway's, to which whoever offers an event writes it at once.
    """

    def __init__(self, *, sink: bool) -> None:
        self.sink = _Wire(self) if sink else None
        self.hub = Hub(MemoryBus(), streams_per_person=1)
        self.log = Log()
        self.page = Page()
        self.bus_is_up = True
        self.in_flight: list[Event] = []
        self.heard_before: list[Event] = []
        self.wire: deque[tuple[bytes, int | None]] = deque()
        self._connect(None)

    # -- the log and the bus ---------------------------------------------------------------

    def happens(self, events: list[Event]) -> None:
        if self.bus_is_up:
            self.in_flight += events

    def deliver(self, which: int) -> None:
        if self.in_flight:
            self._offer(self.in_flight.pop(which % len(self.in_flight)))

    def deliver_all(self) -> None:
        while self.in_flight:
            self.deliver(0)

    def repeat(self, which: int) -> None:
        if self.heard_before:
            self._offer(self.heard_before[which % len(self.heard_before)])

    def lose(self, which: int) -> None:
        if self.in_flight:
            self.in_flight.pop(which % len(self.in_flight))

    def garbage(self, which: int) -> None:
        self._hears(Event(1, SEQUENCE_MAX - which, "message", "garbage", 0.0))

    def signal(self, number: int) -> None:
        if self.bus_is_up:
            self._hears(Signal.make(1, SIGNAL, number, 1.0))

    def bus_goes(self) -> None:
        self.bus_is_up = False
        self.in_flight.clear()

    def bus_returns(self) -> None:
        if not self.bus_is_up:
            self.bus_is_up = True
            self.subscriber.fall_behind()

    def reconcile(self) -> None:
        if self.subscriber.short_of(self.log.last):
            self.subscriber.fall_behind(self.log.last)

    def _offer(self, event: Event) -> None:
        self.heard_before.append(event)
        self._hears(event)

    def _hears(self, *happened: Happened) -> None:
        """The bus brings this in one message."""
        audience = Audience(1)
        audience.add(self.subscriber)
        for message in to_bus(happened):
            self.hub.received(audience, message)
        self._bounded()

    def _bounded(self) -> None:
        mailbox = self.subscriber._mailbox or []
        assert len(mailbox) <= MAILBOX_EVENTS, "a mailbox is bounded"
        assert self.subscriber.state is State.LIVE or not mailbox, "behind, nothing is kept"
        assert not (self.sink and mailbox), "who can write at once keeps nothing"

    # -- the door, one step at a time, as `stream._events` goes ------------------------------

    def _connect(self, cursor: int | None) -> None:
        self.bell = False
        self.waiting = False
        self.reading: tuple[int | None, Backlog | None] | None = None
        self.subscriber = Subscriber(1, 1, cursor, self._ring, self.sink)
        self.subscriber.floor = self.log.last
        if cursor is None:
            self.page.begins_at = self.log.last

    def _ring(self) -> None:
        self.bell = True

    @property
    def idle(self) -> bool:
        """The door waits, and nobody has rung."""
        return self.waiting and not self.bell

    def door(self) -> None:
        if self.idle:
            return
        self.waiting = False
        if self.reading is not None:
            self._read_on(*self.reading)
        elif self.subscriber.state is State.BEHIND:
            self.reading = self.subscriber.begin_catch_up(), None
        else:
            self.bell = False
            if frames := self.subscriber.take():
                self.wire.append((b"".join(frames), None))
            else:
                self.waiting = True

    def _read_on(self, cursor: int | None, backlog: Backlog | None) -> None:
        if backlog is None:
            self.reading = cursor, self.log.backlog(cursor, self.subscriber.floor)
            return
        self.reading = None
        frames = caught_up(self.subscriber, cursor, backlog)
        self.wire.append((frames, backlog.cursor if backlog.reset else None))

    # -- the browser -----------------------------------------------------------------------

    def browser_reads(self) -> None:
        while self.wire:
            data, begins_at = self.wire.popleft()
            self.page.reads(data)
            if begins_at is not None:
                self.page.begins_at = begins_at

    def reconnect(self) -> None:
        """What was on its way is gone; the browser returns with what it saw last."""
        self.wire.clear()
        self.subscriber.close(Ending.LEFT)
        source = EventSource()
        source.last_event_id = source._id = self.page.source.last_event_id
        self.page.source = source
        self._connect(sse.parse_cursor(source.last_event_id))

    def arrive_with(self, cursor: int | None) -> None:
        """Another page opens, with no cursor or a forged one."""
        self.wire.clear()
        self.subscriber.close(Ending.LEFT)
        self.page = Page()
        self._connect(cursor)

    # -- the end ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Everybody who was rung for does their work, and then all is quiet."""
        for _ in range(STEPS_MOST):
            if self.idle:
                break
            self.door()
        assert self.idle, "the door never rests"
        self.browser_reads()

    def check(self) -> None:
        assert self.subscriber.state is State.LIVE
        assert self.subscriber.cursor == self.log.last
        begins_at = self.page.begins_at
        assert begins_at is not None
        mattered = [
            sequence
            for sequence, (_, kept) in self.log.rows.items()
            if sequence > begins_at or not kept
        ]
        assert [s for s in self.page.seen if s in self.log.rows] == mattered
        state = {event.name: event.payload for event, kept in self.log.rows.values() if not kept}
        assert {name: self.page.shown.get(name) for name in state} == state
        assert state.get(COUNT, 0) == self.log.unread
        last_event_id = self.page.source.last_event_id
        assert sse.parse_cursor(last_event_id) == self.log.last
