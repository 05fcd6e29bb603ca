"""One result of several rounds, or turns.

What else the machine does, and its host, can only add to what something costs, so the cheapest
round counts, as it does for Python's `timeit`. A wait has two sides, so the middle round counts,
and so it does for costs that are divided by each other (`turns`). Of what was sent, lost and late
everything counts: no round is too bad to be told of.
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
OF_THE_CHOSEN = {"redis_us", "wakes", "uss_kib", "redis_kib", "idle_cpu_ms", *LEADS}
# The others, each with what becomes of several.
RULES: tuple[tuple[Callable[[list[Any]], Any], set[str]], ...] = (
    (median, {"seconds", "p50_ms", "p99_ms", "calm_p99_ms", "queries"}),
    (max, {"max_ms", "feed_late_ms"}),
    (min, {"connected", "rate"}),
    (sum, {"sent", "received", "lost", "duplicated", "out_of_order", "stalled"}),
    (sum, {"catch_ups", "repairs"}),
)


def cheapest(rounds: Sequence[Figures]) -> Figures:
    """The round that cost least."""
    return min(rounds, key=_cost)


def middle(rounds: Sequence[Figures]) -> Figures:
    """The round than which as many cost more as cost less; of an even number the cheaper one."""
    return sorted(rounds, key=_cost)[(len(rounds) - 1) // 2]


def combined(
    rounds: Sequence[Figures], choose: Callable[[Sequence[Figures]], Figures] = cheapest
) -> dict[str, Any]:
    """The figures of one measurement at one door; `choose` says whose costs count.

    Raises `KeyError` for a figure that has no rule.
    """
    chosen = choose(rounds)
    figures = {name: _combined(name, [one.get(name) for one in rounds], chosen) for name in chosen}
    lead = _lead(chosen)
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


def _combined(name: str, values: list[Any], chosen: Figures) -> Any:
    if name in OF_THE_CHOSEN:
        return chosen[name]
    if name == "client":
        return worst(values)
    known = [value for value in values if value is not None]
    for rule, names in RULES:
        if name in names:
            return rule(known) if known else None
    raise KeyError(f"no rule for several rounds of {name}")
