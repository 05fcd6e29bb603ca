"""The cursor of one open stream: live, behind or closed.

Pure: no I/O, no loop, no clock, no database and no logging may come in here. A door (the web
door or the gateway) owns a subscriber, the hub offers events to it, and the door asks it what
to write. All methods are plain calls that never wait, so nothing can come between looking at
the state and changing it.

The rules (section 3 of the design):

- *live* means that cursor plus mailbox is everything up to the newest event: the next event
  carries the next number.
- Whatever breaks that (just connected, a gap, a full mailbox, a bus that reconnected) means
  *behind*, and the one cure is to read the backlog from the cursor.
- While behind, only the newest sequence heard of is kept, so memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable

from notifier.bus_messages import sequence_told, told
from notifier.events import SEQUENCE_MAX, Signal
from notifier.sink import Sink
from notifier.states import BEHIND, CLOSED, HEARD, LIVE, READY, TAKEN, Ending, Offer, State

# Events of one stream that wait for its socket. A browser that lags by more reads the table
# instead, which drops what was replaced meanwhile; 32 is far above what a burst to one person is.
MAILBOX_EVENTS = 32
# A signal is put into a mailbox that is emptier than this: beyond it the stream is slow, and what
# may be lost must not take the place of what may not.
MAILBOX_SIGNALS = 8


class Subscriber:
    """One stream's cursor and mailbox.

    `ring` is called, without arguments, whenever there is something new to do for the door; it
    must not wait and must not raise.

    A door that can write at any moment needs no mailbox and no ring: it gives a `sink`. What is
    offered then is `READY`: the cursor has moved, and who offered it writes it to the sink, in the
    order of the offers and before anything else is done. Such a stream has its cursor, while it is
    live, in `told`, as the bus writes it: the event that follows that is ready, and has been told
    with its own number in `told`. Else it is None, and for a mailbox always.
    A door whose socket takes no more makes the stream fall behind.
    """

    __slots__ = (
        "_cursor",
        "_delivered",
        "_heard",
        "_mailbox",
        "_newest",
        "began_at",
        "catch_ups",
        "ending",
        "floor",
        "next",
        "recipient_id",
        "ring",
        "sign_in_id",
        "sink",
        "spoke_at",
        "state",
        "told",
    )

    def __init__(
        self,
        recipient_id: int,
        sign_in_id: int,
        cursor: int | None,
        ring: Callable[[], None],
        sink: Sink | None = None,
    ) -> None:
        self.recipient_id = recipient_id
        self.sign_in_id = sign_in_id
        # Of a stream without `told`.
        self._cursor = cursor
        self.told: bytes | None = None
        self.ring = ring
        # The one after it in its audience.
        self.next: Subscriber | None = None
        # Not its `write` itself, which would be an object of its own for every stream.
        self.sink = sink
        # When the hub last had something written (as late as its `now`), for who beats in silence.
        self.spoke_at = 0.0
        self.ending: Ending | None = None
        # Without a cursor: the recipient's newest sequence when the stream began. Kept events
        # above it happened since, and belong to it.
        self.floor = SEQUENCE_MAX
        self.state = BEHIND
        # For the log: when the hub took it in (seconds since the epoch), and what came of it.
        self.began_at = 0.0
        # Less its cursor when `told` began, which has counted on since.
        self._delivered = 0
        self.catch_ups = 0
        self._mailbox: list[bytes] | None = None
        # Of the events in the mailbox the last one's sequence; the cursor if there is none.
        self._newest = 0
        # Newest sequence heard of since the current (or the coming) backlog read began.
        self._heard = 0

    @property
    def cursor(self) -> int | None:
        """The last sequence that was given to the door (not the one in the browser's hands; the
        browser tells that itself when it returns). None: the stream has no cursor yet, and begins
        with the present state."""
        return self._cursor if self.told is None else sequence_told(self.told)

    @property
    def delivered(self) -> int:
        """How many events and signals were given to the door so far."""
        return self._delivered + (0 if self.told is None else sequence_told(self.told))

    def offer(self, sequence: int, frame: bytes) -> Offer:
        """Deliver an event, whose bytes in a stream are `frame`; drop it as a repeat, or fall
        behind."""
        if self.state is not LIVE:
            return self._offer_away(sequence)
        newest, mailbox = self._placed, self._mailbox
        if sequence != newest + 1:
            return self._offer_out_of_turn(sequence, newest)
        if self.told is not None:
            self.told = told(sequence)
            return READY
        if mailbox is None:
            self._mailbox = [frame]
        elif len(mailbox) >= MAILBOX_EVENTS:
            self._fall_behind(sequence)
            return Offer.FULL
        else:
            mailbox.append(frame)
        self._newest = sequence
        self.ring()
        return TAKEN

    def _offer_out_of_turn(self, sequence: int, newest: int) -> Offer:
        if sequence <= newest:
            return Offer.REPEATED
        self._fall_behind(sequence)
        return Offer.GAP

    def _offer_away(self, sequence: int) -> Offer:
        if self.state is CLOSED:
            return Offer.CLOSED
        if sequence > self._heard:
            self._heard = sequence
        return HEARD

    def offer_signal(self, signal: Signal) -> Offer:
        """Deliver `signal` after the events that wait, or drop it: behind, a stream has more
        important things to do, and a full mailbox is no place for what nobody keeps."""
        mailbox = self._mailbox
        if self.state is not LIVE or (mailbox and len(mailbox) >= MAILBOX_SIGNALS):
            return Offer.MISSED
        if self.told is not None:
            self._delivered += 1
            return READY
        self._newest = self._placed
        self._mailbox = [*(mailbox or ()), signal.frame]
        self.ring()
        return TAKEN

    @property
    def _placed(self) -> int:
        """The last sequence that is in the mailbox or was given to the door; of a live stream."""
        newest = self._newest if self._mailbox else self.cursor
        assert newest is not None, "a live subscriber has a cursor"
        return newest

    def fall_behind(self, newest: int = 0) -> None:
        """The mailbox can no longer be trusted to be complete: read the backlog.

        `newest` is a sequence known to exist, when the caller knows one (reconcile does).
        """
        if self.state is CLOSED:
            return
        if self.state is BEHIND:
            # A read that is under way may have begun before what made the caller call. Where
            # nobody knows a number (the bus was away), no read so far can have been enough.
            self._heard = max(self._heard, newest or SEQUENCE_MAX)
            return
        self._fall_behind(newest)

    def _fall_behind(self, newest: int) -> None:
        self._no_longer_live(BEHIND)
        self._heard = newest
        self.ring()

    def _no_longer_live(self, state: State) -> None:
        self.state = state
        self._mailbox = None
        if self.told is not None:
            self._cursor = sequence_told(self.told)
            self._delivered += self._cursor
            self.told = None

    def short_of(self, last_sequence: int) -> bool:
        """Whether a recipient at `last_sequence` has events that this stream neither holds
        nor is about to read; what reconcile asks."""
        return self.state is LIVE and self._placed < last_sequence

    def take(self) -> list[bytes]:
        """The bytes of everything in the mailbox, in order; the cursor moves past it."""
        mailbox = self._mailbox
        if not mailbox:
            return []
        self._mailbox = None
        self._cursor = self._newest
        self._delivered += len(mailbox)
        return mailbox

    def gave_backlog(self, events: int) -> None:
        """The door gives so many events of a backlog."""
        self._delivered += events

    def begin_catch_up(self) -> int | None:
        """The cursor to read the backlog from; None when the present state is wanted.

        What is heard from now on is newer than the read may see. What was heard before was
        committed before the read begins, so the read will see it; if it does not, it never
        existed (garbage on the bus), and forgetting it here is what keeps a stream from
        reading for ever.
        """
        assert self.state is BEHIND
        self._heard = 0
        self.catch_ups += 1
        return self.cursor

    def caught_up(self, cursor: int, *, complete: bool) -> bool:
        """The door has read the backlog up to `cursor`; `complete` when that is the end of it.

        The end is the recipient's `last_sequence`, read in the same snapshot as the rows.
        Returns whether the stream is live now; if not, the door reads again.
        """
        if self.state is not BEHIND:
            return self.state is LIVE
        self._cursor = cursor
        if not complete or self._heard > cursor:
            return False
        self.state = LIVE
        if self.sink is not None:
            self.told = told(cursor)
            self._delivered -= cursor
        return True

    def restart(self, floor: int) -> None:
        """The cursor is not of this log (too old, or from the future): begin as without one,
        now that the recipient's newest sequence is `floor`."""
        if self.state is BEHIND:
            self._cursor, self.floor = None, floor

    def fail(self) -> None:
        """The sink has raised: the stream is over, and what its browser has nobody knows."""
        self.close(Ending.FAILED)
        self._cursor = None

    def close(self, ending: Ending) -> None:
        """The stream is over: nothing more is kept and every offer is dropped."""
        if self.state is CLOSED:
            return
        self._no_longer_live(CLOSED)
        self.ending = ending
        self.ring()
