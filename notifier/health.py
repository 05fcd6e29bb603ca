"""Whether a process can serve, and its figures for Prometheus; the same for both doors."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from notifier.engine import Engine
from notifier.errors import Unavailable

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST


async def missing(engine: Engine) -> list[str]:
    """What keeps this process from serving well, one line each; empty when it is ready."""
    found = []
    if engine.draining:
        found.append("draining: this process is going away")
    try:
        await engine.database.ping()
    except Unavailable:
        found.append("database: no answer")
    if engine.bus.trouble:
        found.append(f"bus: degraded, {engine.bus.trouble}")
    return found


def metrics(engine: Engine) -> bytes:
    """All figures in Prometheus' text format. Read from plain counters, only when asked."""
    registry = CollectorRegistry()
    registry.register(_EngineCollector(engine))
    return generate_latest(registry)


class _EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        engine, hub = self._engine, self._engine.hub
        yield _gauge("streams", "Streams open now", hub.streams)
        yield _gauge("streams_behind", "Streams that are behind now", hub.behind)
        yield _gauge("recipients", "People with a stream here", hub.recipients)
        yield _gauge("bus_up", "1 when the bus works", int(not engine.bus.trouble))
        yield _counter("events_delivered", "Events written to streams", hub.counts["delivered"])
        yield _counter("signals_delivered", "Signals put in mailboxes", hub.counts["signals"])
        yield _counter("database_queries", "Statements sent", engine.database.queries)
        yield _counter("catch_ups", "Backlogs read", engine.catch_ups)
        yield _counter("reconcile_repairs", "Streams that reconcile found short", engine.repairs)
        dropped = CounterMetricFamily(
            "notifier_events_dropped", "Events not put in a mailbox, by cause", labels=["cause"]
        )
        for cause in ("repeated", "gap", "full", "heard", "closed", "missed", "garbage", "nobody"):
            dropped.add_metric([cause], hub.counts[cause])
        yield dropped
        bus = CounterMetricFamily("notifier_bus", "What happened on the bus", labels=["what"])
        for what, count in sorted(engine.bus.counts().items()):
            bus.add_metric([what], count)
        yield bus


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"notifier_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"notifier_{name}", text, value=value)
