"""The benchmark counts what it says it counts, and fails when a mark or an event is missed."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

# Typed by the load client's own environment, which the app's does not have.
tally: Any = importlib.import_module("benchmark.tally")
figures: Any = importlib.import_module("benchmark.figures")

MS = 1_000_000
SENT = {(0, 1): 10 * MS, (0, 2): 20 * MS, (1, 1): 30 * MS}


@pytest.mark.parametrize(
    ("seen", "lost", "duplicated", "out_of_order"),
    [
        ([(0, 1), (1, 1), (0, 2)], 0, 0, 0),
        ([(0, 1), (1, 1)], 1, 0, 0),
        ([(0, 1), (0, 1), (1, 1), (0, 2)], 0, 1, 0),
        ([(0, 2), (0, 1), (1, 1)], 0, 0, 1),
        # The state with which a stream begins is nobody's event, and still has its place.
        ([(1, 7), (0, 1), (0, 2), (1, 1)], 0, 0, 1),
    ],
)
def test_each_fault_is_counted_as_what_it_is(
    seen: list[tuple[int, int]], lost: int, duplicated: int, out_of_order: int
) -> None:
    persons, sequences = zip(*seen, strict=True)
    counted = tally.count(SENT, persons, sequences, [40 * MS] * len(seen))
    assert (counted.lost, counted.duplicated, counted.out_of_order) == (
        lost,
        duplicated,
        out_of_order,
    )
    assert counted.received == len(SENT) - lost
    assert counted.max_ms == 30


def points(**cpu_us: float) -> list[dict[str, Any]]:
    """Growth points of 15,000 streams, by `p` and the number of processes."""
    clean = {"lost": 0, "duplicated": 0, "out_of_order": 0}
    return [
        {
            "streams": 15_000,
            "processes": int(name[1:]),
            "deliver": {"cpu_us": cost, **clean},
            "failures": {},
        }
        for name, cost in cpu_us.items()
    ]


def test_only_the_gateway_is_held_to_the_growth_that_is_allowed() -> None:
    growth = {"gateway": points(p1=30, p2=33, p4=39), "bare": points(p1=20, p4=40)}
    results = {"doors": {}, "load": {"rate": 1}, "growth": growth}
    assert figures.missed(results) == []
    growth["gateway"] = points(p1=30, p4=41)
    (missed,) = figures.missed(results)
    assert "from 1 to 4 processes" in missed and "×1.37" in missed


def test_an_event_lost_anywhere_in_the_growth_is_a_fault() -> None:
    growth = {"gateway": points(p1=30), "bare": points(p4=20)}
    results = {"doors": {}, "load": {}, "growth": growth}
    assert figures.faults(results) == []
    growth["bare"][0]["deliver"]["lost"] = 2
    assert figures.faults(results) == ["growth, bare, 15000 streams, 4 processes: 2 lost"]
