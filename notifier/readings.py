"""What `notifier top` makes of the figures of all processes: one line for each. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf

from prometheus_client.parser import text_string_to_metric_families

LATENESS = "notifier_event_lateness_seconds"
LAG = "notifier_loop_lag_seconds"
SHARE = 0.99


@dataclass
class Reading:
    """One process's figures at one moment; labelled ones are summed up."""

    process: str
    figures: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    # How many took at most so long, by histogram and bound.
    buckets: dict[str, dict[float, float]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(frozen=True)
class Row:
    """What is shown of a process; times in milliseconds, None when nothing happened."""

    process: str
    up: bool
    streams: int
    behind: int
    delivered_per_second: float
    published_per_second: float
    lateness_ms: float | None
    lag_ms: float | None
    repairs: int
    bus_up: bool
    canary_age_seconds: float
    cpu_percent: float
    memory_mib: float


def read(text: str, alone: str) -> dict[str, Reading]:
    """The readings by process; one that has no name of its own is called `alone`."""
    found: dict[str, Reading] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.labels.get("process", alone)
            reading = found.setdefault(name, Reading(name))
            if bound := sample.labels.get("le"):
                histogram = reading.buckets[sample.name.removesuffix("_bucket")]
                histogram[inf if bound == "+Inf" else float(bound)] = sample.value
            else:
                reading.figures[sample.name] += sample.value
    return found


def row(before: Reading | None, now: Reading, seconds: float) -> Row:
    """What is to be shown, with what changed in the last `seconds`."""

    def rate(name: str) -> float:
        # A process that was replaced counts from 0 again.
        earlier = before.figures[name] if before else 0.0
        change = now.figures[name] - earlier
        return max(0.0, change) / seconds if before and seconds else 0.0

    figures = now.figures
    return Row(
        process=now.process,
        up=bool(figures.get("notifier_process_up", 1.0)),
        streams=int(figures["notifier_streams"]),
        behind=int(figures["notifier_streams_behind"]),
        delivered_per_second=rate("notifier_events_delivered_total"),
        published_per_second=rate("notifier_events_published_total"),
        lateness_ms=_slowest(before, now, LATENESS),
        lag_ms=_slowest(before, now, LAG),
        repairs=int(figures["notifier_reconcile_repairs_total"]),
        bus_up=bool(figures["notifier_bus_up"]),
        canary_age_seconds=figures["notifier_bus_canary_age_seconds"],
        cpu_percent=100 * rate("process_cpu_seconds_total"),
        memory_mib=figures["process_resident_memory_bytes"] / 1024**2,
    )


def _slowest(before: Reading | None, now: Reading, name: str) -> float | None:
    """Within how much 99 of 100 were since `before`, as far as the buckets tell."""
    earlier: Mapping[float, float] = before.buckets[name] if before else {}
    buckets = {bound: count - earlier.get(bound, 0.0) for bound, count in now.buckets[name].items()}
    total = buckets.get(inf, 0.0)
    if total <= 0:
        return None
    wanted = ceil(SHARE * total)
    bound = min(bound for bound, count in buckets.items() if count >= wanted)
    return 1_000 * bound
