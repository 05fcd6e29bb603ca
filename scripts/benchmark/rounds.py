"""One result of several rounds.

What else the machine does, and its host, can only add to what something costs, so the cheapest
round counts, as it does for Python's `timeit`. A wait has two sides, so the middle round counts.
Of what was sent, lost and late everything counts: no round is too bad to be told of.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmark.loop import worst

Figures = Mapping[str, Any]

# What a round is chosen by, and what is taken from it because it belongs to that.
LEADS = ("cpu_us", "kib")
OF_THE_CHEAPEST = {"redis_us", "wakes", "uss_kib", "redis_kib", "idle_cpu_ms", *LEADS}
# The others, each with what becomes of several.
RULES: tuple[tuple[Callable[[list[Any]], Any], set[str]], ...] = (
    (median, {"seconds", "p50_ms", "p99_ms", "calm_p99_ms", "queries"}),
    (max, {"max_ms", "feed_late_ms"}),
    (min, {"connected", "rate"}),
    (sum, {"sent", "received", "lost", "duplicated", "out_of_order", "stalled"}),
    (sum, {"catch_ups", "repairs"}),
)


def combined(rounds: Sequence[Figures]) -> dict[str, Any]:
    """The figures of one measurement at one door. Raises `KeyError` for one that has no rule."""
    cheapest = min(rounds, key=_cost)
    figures = {
        name: _combined(name, [one.get(name) for one in rounds], cheapest) for name in cheapest
    }
    lead = _lead(cheapest)
    return figures | {f"{lead}_of_rounds": [one[lead] for one in rounds]}


def failures(rounds: Sequence[Figures]) -> dict[str, int]:
    """How many streams failed in all rounds together, by the reason."""
    return dict(sum((Counter(one["failures"]) for one in rounds), Counter[str]()))


def _lead(one: Figures) -> str:
    [lead] = [lead for lead in LEADS if lead in one]
    return lead


def _cost(one: Figures) -> float:
    cost = one[_lead(one)]
    return math.inf if cost is None else float(cost)


def _combined(name: str, values: list[Any], cheapest: Figures) -> Any:
    if name in OF_THE_CHEAPEST:
        return cheapest[name]
    if name == "client":
        return worst(values)
    known = [value for value in values if value is not None]
    for rule, names in RULES:
        if name in names:
            return rule(known) if known else None
    raise KeyError(f"no rule for several rounds of {name}")
