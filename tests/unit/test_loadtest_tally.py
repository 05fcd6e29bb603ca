"""What a load test calls a fault, and what not."""

from __future__ import annotations

import pytest

from notifier.loadtest import Tally
from notifier.loadtest.tally import Seen, percentile


def run(*ids: int, arrived: bool = True) -> Tally:
    """One message to one window, which then saw events with these ids."""
    window = Seen(person=0)
    tally = Tally([window, Seen(person=1)])
    tally.stored(1, recipient=0, began=10.0)
    for event_id in ids:
        window.event(event_id)
    if arrived:
        window.arrivals[1] = 10.004
    return tally


def test_a_run_in_which_all_arrives_once_and_in_order_has_no_fault() -> None:
    tally = run(3, 4, 7)
    assert tally.faults == 0
    figures = tally.figures()
    assert figures["p50_ms"] == figures["max_ms"] == 4.0
    assert (figures["sent"], figures["arrived"], figures["streams"]) == (1, 1, 2)


@pytest.mark.parametrize(
    ("fault", "tally"),
    [
        ("lost", run(3, arrived=False)),
        ("duplicated", run(3, 3)),
        ("out_of_order", run(4, 3)),
    ],
)
def test_each_fault_is_counted_as_what_it_is(fault: str, tally: Tally) -> None:
    figures = tally.figures()
    faults = {name: figures[name] for name in ("lost", "duplicated", "out_of_order", "refused")}
    assert faults == {"lost": 0, "duplicated": 0, "out_of_order": 0, "refused": 0, fault: 1}
    assert tally.faults == 1


def test_what_was_refused_is_a_fault() -> None:
    tally = run(1)
    tally.refused["message: status 429"] += 2
    assert tally.faults == tally.figures()["refused"] == 2


@pytest.mark.parametrize(
    ("share", "expected"), [(50.0, 50.0), (90.0, 90.0), (99.9, 100.0), (0.0, 1.0)]
)
def test_percentiles_are_by_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == expected
    assert percentile([], share) is None
