"""Which figures a run shows, in which unit, and what each must not exceed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One row of the table: a measurement's key, what it is called, and its unit.

    `budgets` are those of DESIGN, section 7, by door. `compared` figures also get their ratio to
    the gateway's, which is taken within the run.
    """

    measurement: str
    key: str
    title: str
    unit: str = ""
    digits: int = 0
    compared: bool = False
    budgets: Mapping[str, float] = field(default_factory=dict)

    def of(self, door: Mapping[str, Any]) -> float | None:
        value = door.get(self.measurement, {}).get(self.key)
        return None if value is None else float(value)

    def kept(self, name: str, door: Mapping[str, Any]) -> bool | None:
        """Whether a door keeps its budget; None without one."""
        value, budget = self.of(door), self.budgets.get(name)
        return None if value is None or budget is None else value <= budget


MEMORY = Figure("hold", "kib", "memory per idle stream", "KiB", 1, True, {"gateway": 3, "web": 40})
CONNECT = Figure(
    "connect", "cpu_us", "CPU per connect", "µs", 0, True, {"gateway": 100, "web": 1_500}
)
DELIVER = Figure(
    "deliver", "cpu_us", "CPU per delivered event", "µs", 1, True, {"gateway": 30, "web": 120}
)
P99 = Figure("deliver", "p99_ms", "publish to socket, p99", "ms", 2, True, {"gateway": 3})
STORM = Figure("storm", "seconds", "storm: until the last is live", "s", 1, True, {"gateway": 10})

# Below this share of the wanted rate a run says that its feed was too slow.
RATE_SHARE_MIN = 0.95

DOOR_FIGURES = (
    MEMORY,
    Figure("hold", "redis_kib", "  of it in Redis", "KiB", 1),
    Figure("hold", "idle_cpu_ms", "idle CPU, 1,000 streams", "ms/s", 1),
    CONNECT,
    Figure("connect", "connected", "  connected"),
    DELIVER,
    Figure("deliver", "redis_us", "  of it Redis", "µs", 1),
    Figure("deliver", "wakes", "  wakes of server and Redis", "", 2),
    Figure("deliver", "p50_ms", "publish to socket, p50", "ms", 2),
    P99,
    Figure("deliver", "calm_p99_ms", "  p99 while the host held no core back", "ms", 2),
    Figure("deliver", "stalled", "  events while it did"),
    Figure("deliver", "max_ms", "publish to socket, max", "ms", 1),
    Figure("deliver", "rate", "  events a second"),
    Figure("deliver", "sent", "  sent"),
    Figure("deliver", "received", "  received"),
    Figure("deliver", "lost", "  lost"),
    Figure("deliver", "duplicated", "  duplicated"),
    Figure("deliver", "out_of_order", "  out of order"),
    Figure("deliver", "catch_ups", "  caught up from the table"),
    STORM,
    Figure("storm", "cpu_us", "storm: CPU per return", "µs"),
    Figure("storm", "connected", "  returned"),
    Figure("storm", "queries", "  database queries"),
    Figure("storm", "sent", "  missed while away"),
    Figure("storm", "received", "  caught up"),
    Figure("storm", "lost", "  lost"),
    Figure("storm", "duplicated", "  duplicated"),
    Figure("storm", "out_of_order", "  out of order"),
)

SEND = Figure("send", "cpu_ms", "CPU per message", "ms", 2, budgets={"form": 4, "json": 2.5})
SEND_FIGURES = (
    SEND,
    Figure("send", "p50_ms", "POST to socket, p50", "ms", 1),
    Figure("send", "p99_ms", "POST to socket, p99", "ms", 1),
    Figure("send", "max_ms", "POST to socket, max", "ms", 1),
    Figure("send", "answer_p50_ms", "POST to answer, p50", "ms", 1),
    Figure("send", "per_second", "messages a second"),
    Figure("send", "sent", "  sent"),
    Figure("send", "received", "  received"),
    Figure("send", "lost", "  lost"),
    Figure("send", "duplicated", "  duplicated"),
    Figure("send", "out_of_order", "  out of order"),
)

BEGIN_FIGURES = (
    Figure("begin", "cpu_us", "CPU per connect", "µs", 1),
    Figure("begin", "request_us", "  reading the request", "µs", 1),
    Figure("begin", "cookie_us", "  checking the cookie", "µs", 1),
    Figure("begin", "streams", "  streams"),
)

HEAR = Figure("hear", "cpu_us", "CPU per event", "µs", 1, budgets={"gateway": 8})
METRICS = Figure("hear", "metrics_us", "counting it for /metrics", "µs", 2)
HEAR_FIGURES = (
    HEAR,
    Figure("hear", "in_a_row_us", "the same in bursts of six, to whoever", "µs", 1),
    Figure("hear", "woken_us", "the same after a sleep of 2 ms before each", "µs", 1),
    METRICS,
    Figure("hear", "events", "  events"),
)

# From the smallest growth point to the largest the CPU per event may grow by this factor.
GROWTH_FACTOR_MAX = 4 / 3


@dataclass(frozen=True)
class Growth:
    """From how many streams, or processes, to how many, and how the CPU of an event grows by it.

    The machine can only add to a cost, but it moves a factor both ways: the middle one counts.
    """

    least: int
    most: int
    # Of each two turns that were taken one soon after the other.
    factors: tuple[float, ...]

    @property
    def factor(self) -> float:
        return median(self.factors)

    @property
    def half(self) -> tuple[float, float]:
        """Between these is the middle half of the factors."""
        if len(self.factors) == 1:
            return self.factor, self.factor
        low, _, high = quantiles(self.factors, n=4, method="inclusive")
        return low, high


def growth_of(lines: Mapping[str, Sequence[Mapping[str, Any]]], by: str) -> Growth | None:
    """The growth of a door by `streams` or by `processes`, from the line's first to its last."""
    line = lines.get(by, [])
    if len(line) < 2:
        return None
    first, last = (line[at]["deliver"]["cpu_us_of_rounds"] for at in (0, -1))
    pairs = zip(first, last, strict=True)
    factors = tuple(after / before for before, after in pairs if before and after)
    return Growth(line[0][by], line[-1][by], factors) if factors else None


def missed(results: Mapping[str, Any]) -> list[str]:
    """Every mark that was measured and not reached, in words."""
    columns = [(d["title"], n, d, DOOR_FIGURES) for n, d in results["doors"].items()]
    columns += [("hearing", n, one, HEAR_FIGURES) for n, one in results.get("hear", {}).items()]
    columns += [(f"send by {n}", n, s, SEND_FIGURES) for n, s in results.get("send", {}).items()]
    found = [
        f"{title}: {figure.title.strip()} {figure.of(door):,.{figure.digits}f} {figure.unit},"
        f" the mark is {figure.budgets[name]:,g}"
        for title, name, door, figures in columns
        for figure in figures
        if figure.kept(name, door) is False
    ]
    for by in ("streams", "processes"):
        grown = growth_of(results.get("growth", {}).get("gateway", {}), by)
        if grown is not None and grown.factor > GROWTH_FACTOR_MAX:
            found.append(
                f"growth from {grown.least:,} to {grown.most:,} {by}: CPU per event"
                f" ×{grown.factor:.2f},"
                f" the mark is {GROWTH_FACTOR_MAX:.2f}"
            )
    return found


def faults(results: Mapping[str, Any]) -> list[str]:
    """Everything that was lost, duplicated, out of order or refused, in words."""
    found = []
    for name, door in results["doors"].items():
        parts = [(f"{name} {part}", door.get(part, {})) for part in ("deliver", "storm")]
        found += [sentence for where, part in parts for sentence in _faults_of(where, part)]
        found += [
            f"{name}: {count} streams: {why}" for why, count in door.get("failures", {}).items()
        ]
    for where, point in _growth_points(results):
        found += _faults_of(where, point["deliver"])
        found += [f"{where}: {count} streams: {why}" for why, count in point["failures"].items()]
    for way, sent in results.get("send", {}).items():
        found += _faults_of(f"send, {way}", sent["send"])
        found += [f"send, {way}: {count}: {why}" for why, count in sent["failures"].items()]
    return found


def _growth_points(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every point of the growth with its name."""
    return [
        (f"growth by {by}, {name}, {p['streams']} streams, {p['processes']} processes", p)
        for name, lines in results.get("growth", {}).items()
        for by, line in lines.items()
        for p in line
    ]


def _faults_of(where: str, part: Mapping[str, Any]) -> list[str]:
    names = ("lost", "duplicated", "out_of_order")
    return [f"{where}: {part[name]} {name.replace('_', ' ')}" for name in names if part.get(name)]


def bottlenecks(results: Mapping[str, Any]) -> list[str]:
    """Where the load client or the feed, and not the server, set the pace."""
    wanted = results["load"]["rate"] * RATE_SHARE_MIN
    found = []
    for where, part in _places(results):
        if part.get("client", {}).get("was_bottleneck"):
            found.append(f"The load client was the bottleneck: {where}.")
        if part.get("rate", wanted) < wanted:
            found.append(f"The feed made only {part['rate']:,.0f} events a second: {where}.")
    return found


def _places(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every phase in which the client or the feed could be too slow, with its name."""
    doors = results["doors"].items()
    places = [(f"{n}, {part}", d.get(part, {})) for n, d in doors for part in ("deliver", "storm")]
    places += [(where, point["deliver"]) for where, point in _growth_points(results)]
    places += [(f"send, {way}", sent["send"]) for way, sent in results.get("send", {}).items()]
    return places
