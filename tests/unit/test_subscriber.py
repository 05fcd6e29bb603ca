"""The Subscriber: in every history, each event that still matters is given once and in order."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.events import SEQUENCE_MAX, Event, Signal
from notifier.sink import Sink
from notifier.states import Ending, Offer, State
from notifier.subscriber import MAILBOX_EVENTS, MAILBOX_SIGNALS, Subscriber
from tests.unit.histories import World

# Hypothesis looks for the shortest history that fails, which costs it some time for each; as
# many again are thrown with dice, longer and faster.
SOUGHT = 300
THROWN = 1_000
STEPS_MOST = 60

Step = Callable[[World, int], None]

# What an honest bus does: it may reorder and repeat, and says when it was away.
HONEST: dict[str, Step] = {
    "a message": lambda w, n: w.happens(w.log.send(1)),
    "a burst": lambda w, n: w.happens(w.log.send(n)),
    "all read": lambda w, n: w.happens(w.log.read_all()),
    "a notice": lambda w, n: w.happens(w.log.notice()),
    "progress": lambda w, n: w.happens(w.log.progress(n)),
    "deliver one": lambda w, n: w.deliver(n),
    "deliver all": lambda w, n: w.deliver_all(),
    "repeat": lambda w, n: w.repeat(n),
    "garbage": lambda w, n: w.garbage(n),
    "bus away": lambda w, n: w.bus_goes(),
    "bus back": lambda w, n: w.bus_returns(),
    "door": lambda w, n: w.door(),
    "door rests": lambda w, n: w.settle(),
    "browser reads": lambda w, n: w.browser_reads(),
    "reconnect": lambda w, n: w.reconnect(),
    "signal": lambda w, n: w.signal(n),
    "prune": lambda w, n: w.log.prune(),
    "another page": lambda w, n: w.arrive_with(None),
    "from the future": lambda w, n: w.arrive_with(SEQUENCE_MAX - n),
    "no log of ours": lambda w, n: w.arrive_with(-1),
}
# And what a bus may do as well, which only reconcile finds out.
LOSSY: dict[str, Step] = {**HONEST, "lose": lambda w, n: w.lose(n)}


History = list[tuple[str, int]]


def names(steps: dict[str, Step]) -> list[str]:
    """The ones that make a history a history come more often than the rest."""
    return [*steps, "a message", "deliver one", "deliver one", "door", "door"]


def sought(steps: dict[str, Step]) -> st.SearchStrategy[History]:
    step = st.tuples(st.sampled_from(names(steps)), st.integers(1, MAILBOX_EVENTS + 8))
    return st.lists(step, min_size=5, max_size=STEPS_MOST)


def thrown(steps: dict[str, Step], seed: int) -> History:
    dice = random.Random(seed)
    return [
        (dice.choice(names(steps)), dice.randint(1, MAILBOX_EVENTS + 8)) for _ in range(STEPS_MOST)
    ]


def lived(history: History, *, sink: bool) -> World:
    world = World(sink=sink)
    for name, number in history:
        LOSSY[name](world, number)
    return world


def ends_well_by_itself(history: History, *, sink: bool) -> None:
    world = lived(history, sink=sink)
    world.bus_returns()
    world.deliver_all()
    world.settle()
    world.check()


def ends_well_after_reconcile(history: History, *, sink: bool) -> None:
    world = lived(history, sink=sink)
    world.bus_goes()
    world.settle()
    world.reconcile()
    world.settle()
    world.check()


# The web door's streams, which have a mailbox, and the gateway's, which are written to at once.
each_door = pytest.mark.parametrize("sink", [False, True], ids=["mailbox", "sink"])


@each_door
@settings(max_examples=SOUGHT, deadline=None)
@given(history=sought(HONEST))
def test_a_bus_that_says_when_it_was_away_needs_no_reconcile(history: History, sink: bool) -> None:
    ends_well_by_itself(history, sink=sink)


@each_door
@settings(max_examples=SOUGHT, deadline=None)
@given(history=sought(LOSSY))
def test_one_reconcile_mends_whatever_the_bus_has_lost(history: History, sink: bool) -> None:
    ends_well_after_reconcile(history, sink=sink)


@each_door
def test_thousands_of_histories_end_well(sink: bool) -> None:
    for seed in range(THROWN):
        for steps, ends_well in (
            (HONEST, ends_well_by_itself),
            (LOSSY, ends_well_after_reconcile),
        ):
            history = thrown(steps, seed)
            try:
                ends_well(history, sink=sink)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {history}") from error


# -- the rules one by one, as the histories found them worth a sentence ---------------------


def event(sequence: int) -> tuple[int, bytes]:
    return sequence, Event(1, sequence, "message", {}, 1.0).frame


def frames(*sequences: int) -> list[bytes]:
    return [frame for _, frame in map(event, sequences)]


class Door:
    """A subscriber that is live at `cursor`, and how often it rang."""

    def __init__(self, cursor: int = 5, sink: Sink | None = None) -> None:
        self.rung = 0
        self.subscriber = Subscriber(1, 9, cursor, self._ring, sink)
        assert self.subscriber.begin_catch_up() == cursor
        assert self.subscriber.caught_up(cursor, complete=True)

    def _ring(self) -> None:
        self.rung += 1


def test_a_new_stream_is_behind_and_not_live_before_it_has_read() -> None:
    subscriber = Subscriber(1, 9, 5, lambda: None)
    assert subscriber.state is State.BEHIND
    assert subscriber.offer(*event(6)) is Offer.HEARD
    assert subscriber.take() == []


def test_the_next_event_is_taken_and_rings() -> None:
    door = Door()
    assert door.subscriber.offer(*event(6)) is Offer.TAKEN
    assert door.subscriber.offer(*event(7)) is Offer.TAKEN
    assert door.rung == 2
    assert door.subscriber.take() == frames(6, 7)
    assert (door.subscriber.cursor, door.subscriber.take()) == (7, [])


@pytest.mark.parametrize("sequence", [1, 5, 6])
def test_what_was_given_already_is_dropped(sequence: int) -> None:
    door = Door()
    door.subscriber.offer(*event(6))
    assert door.subscriber.offer(*event(sequence)) is Offer.REPEATED
    assert door.subscriber.take() == frames(6)


class Nowhere:
    """A sink of which only matters that it is there: who offers an event writes it."""

    def write(self, data: bytes) -> None:
        raise AssertionError("a subscriber writes nothing itself")


def test_a_door_that_can_write_is_told_what_to_write_and_has_no_mailbox() -> None:
    door = Door(sink=Nowhere())
    assert door.subscriber.offer(*event(6)) is Offer.READY
    assert door.subscriber.offer(*event(7)) is Offer.READY
    assert door.subscriber.offer(*event(7)) is Offer.REPEATED
    assert door.subscriber.offer_signal(SIGNAL) is Offer.READY
    assert (door.subscriber.cursor, door.subscriber.take(), door.rung) == (7, [], 0)
    assert door.subscriber.offer(*event(9)) is Offer.GAP
    assert (door.subscriber.state, door.rung) == (State.BEHIND, 1)
    assert door.subscriber.begin_catch_up() == 7


def test_a_stream_knows_how_much_it_was_given() -> None:
    subscriber = Door(sink=Nowhere()).subscriber
    assert subscriber.delivered == 0
    for _ in range(2):
        subscriber.offer(*event(6))
    subscriber.offer_signal(SIGNAL)
    assert subscriber.delivered == 2, "a repeat is not given"
    subscriber.fall_behind(9)
    subscriber.begin_catch_up()
    subscriber.gave_backlog(3)
    assert subscriber.delivered == 5
    subscriber.caught_up(9, complete=True)
    subscriber.offer(*event(10))
    assert subscriber.delivered == 6
    subscriber.close(Ending.LEFT)
    assert (subscriber.cursor, subscriber.delivered) == (10, 6)


@pytest.mark.parametrize("sequence", [8, 1_000, SEQUENCE_MAX])
def test_a_gap_means_behind_and_drops_the_mailbox(sequence: int) -> None:
    door = Door()
    door.subscriber.offer(*event(6))
    assert door.subscriber.offer(*event(sequence)) is Offer.GAP
    assert door.subscriber.state is State.BEHIND
    assert door.rung == 2
    assert door.subscriber.take() == []
    assert door.subscriber.begin_catch_up() == 5, "what was in the mailbox is read again"


def test_a_full_mailbox_means_behind() -> None:
    door = Door(cursor=0)
    for sequence in range(1, MAILBOX_EVENTS + 1):
        assert door.subscriber.offer(*event(sequence)) is Offer.TAKEN
    assert door.subscriber.offer(*event(MAILBOX_EVENTS + 1)) is Offer.FULL
    assert door.subscriber.state is State.BEHIND
    assert door.subscriber.take() == []


def test_what_commits_during_the_read_makes_it_read_again() -> None:
    door = Door()
    door.subscriber.fall_behind()
    door.subscriber.begin_catch_up()
    door.subscriber.offer(*event(9))
    assert not door.subscriber.caught_up(8, complete=True)
    assert door.subscriber.begin_catch_up() == 8
    assert door.subscriber.caught_up(9, complete=True)


def test_a_gap_during_the_read_makes_it_read_again() -> None:
    """What committed after the read and before the bus was back reached nobody."""
    door = Door()
    door.subscriber.fall_behind()
    door.subscriber.begin_catch_up()
    door.subscriber.fall_behind()
    assert not door.subscriber.caught_up(8, complete=True)
    door.subscriber.begin_catch_up()
    assert door.subscriber.caught_up(8, complete=True)


def test_garbage_from_the_future_costs_one_more_read_and_no_more() -> None:
    door = Door()
    door.subscriber.fall_behind()
    door.subscriber.begin_catch_up()
    door.subscriber.offer(*event(SEQUENCE_MAX))
    assert not door.subscriber.caught_up(8, complete=True)
    door.subscriber.begin_catch_up()
    assert door.subscriber.caught_up(8, complete=True)


def test_a_backlog_that_has_more_is_read_on() -> None:
    door = Door()
    door.subscriber.fall_behind()
    door.subscriber.begin_catch_up()
    assert not door.subscriber.caught_up(205, complete=False)
    assert door.subscriber.begin_catch_up() == 205


def test_reconcile_finds_short_only_who_neither_holds_nor_reads() -> None:
    door = Door()
    door.subscriber.offer(*event(6))
    assert not door.subscriber.short_of(6), "it is in the mailbox"
    assert door.subscriber.short_of(7)
    door.subscriber.fall_behind(7)
    assert not door.subscriber.short_of(7), "it is about to be read"


def test_a_closed_stream_keeps_nothing_and_stays_closed() -> None:
    door = Door()
    door.subscriber.offer(*event(6))
    rung = door.rung
    door.subscriber.close(Ending.SIGNED_OUT)
    assert door.rung == rung + 1, "the door is told"
    door.subscriber.close(Ending.AGED)
    door.subscriber.fall_behind(9)
    door.subscriber.restart(0)
    assert door.subscriber.offer(*event(7)) is Offer.CLOSED
    assert not door.subscriber.caught_up(9, complete=True)
    assert door.subscriber.take() == []
    assert door.subscriber.state is State.CLOSED
    assert door.subscriber.ending is Ending.SIGNED_OUT, "the first cause is the cause"
    assert door.rung == rung + 1


SIGNAL = Signal.make(1, "typing", {"from": "harry"}, 1.0)


def test_a_signal_comes_after_the_events_that_wait_and_moves_no_cursor() -> None:
    door = Door()
    assert door.subscriber.offer_signal(SIGNAL) is Offer.TAKEN
    assert door.subscriber.offer(*event(6)) is Offer.TAKEN
    assert door.subscriber.offer_signal(SIGNAL) is Offer.TAKEN
    assert door.rung == 3
    taken = door.subscriber.take()
    assert taken == [SIGNAL.frame, *frames(6), SIGNAL.frame]
    assert door.subscriber.cursor == 6
    assert door.subscriber.offer_signal(SIGNAL) is Offer.TAKEN
    assert not door.subscriber.short_of(6)
    assert len(door.subscriber.take()) == 1
    assert door.subscriber.cursor == 6
    assert door.subscriber.offer(*event(7)) is Offer.TAKEN, "no gap has come of it"


def test_signals_take_no_room_from_events() -> None:
    door = Door(cursor=0)
    offers = [door.subscriber.offer_signal(SIGNAL) for _ in range(MAILBOX_SIGNALS + 5)]
    assert offers == [Offer.TAKEN] * MAILBOX_SIGNALS + [Offer.MISSED] * 5
    for sequence in range(1, MAILBOX_EVENTS - MAILBOX_SIGNALS + 1):
        assert door.subscriber.offer(*event(sequence)) is Offer.TAKEN
    assert door.subscriber.offer_signal(SIGNAL) is Offer.MISSED
    events = [frame for frame in door.subscriber.take() if frame != SIGNAL.frame]
    assert len(events) == MAILBOX_EVENTS - MAILBOX_SIGNALS


def test_who_is_not_live_misses_a_signal() -> None:
    door = Door()
    door.subscriber.fall_behind()
    rung = door.rung
    assert door.subscriber.offer_signal(SIGNAL) is Offer.MISSED
    door.subscriber.close(Ending.LEFT)
    assert door.subscriber.offer_signal(SIGNAL) is Offer.MISSED
    assert door.rung == rung + 1, "nobody was rung for it"
