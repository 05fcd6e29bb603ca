"""Whether a process can serve, and its figures for Prometheus; the same for both doors."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from notifier.engine import Engine
from notifier.errors import Unavailable
from notifier.figures import Histogram
from notifier.states import Ending

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
    ProcessCollector(registry=registry)
    return generate_latest(registry)


async def answer_at(engine: Engine, fd: int) -> asyncio.Server:
    """Tell this process's figures to everybody who connects to the listening socket `fd`.

    Nothing is asked: the supervisor made the socket, and is the only one who knows its address.
    """

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(metrics(engine))
            await writer.drain()
        except OSError:
            # The supervisor did not wait for it.
            pass
        finally:
            writer.close()

    return await asyncio.start_unix_server(tell, sock=socket.socket(fileno=fd))


class _EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        engine, hub = self._engine, self._engine.hub
        yield _gauge("streams", "Streams open now", hub.streams)
        yield _gauge("streams_behind", "Streams that are behind now", hub.behind)
        yield _gauge("recipients", "People with a stream here", hub.recipients)
        yield _gauge("asyncio_tasks", "Tasks of the process's loop", len(asyncio.all_tasks()))
        yield _gauge("draining", "1 when this process is going away", int(engine.draining))
        yield _gauge("bus_up", "1 when the bus works", int(not engine.bus.trouble))
        yield _gauge(
            "bus_canary_age_seconds",
            "Since this process last heard itself on the bus",
            engine.bus.canary_age_seconds,
        )
        yield _gauge(
            "reconcile_age_seconds",
            "Since reconcile last read the table",
            asyncio.get_running_loop().time() - engine.reconciled_at,
        )
        yield _counter("events_published", "What was given to the bus", engine.published)
        yield _counter("events_delivered", "Events written to streams", hub.delivered)
        yield _counter("signals_delivered", "Signals put in mailboxes", hub.counts["signals"])
        yield _counter("database_queries", "Statements sent", engine.database.queries)
        yield _counter("catch_ups", "Backlogs read", engine.catch_ups)
        yield _counter("reconcile_repairs", "Streams that reconcile found short", engine.repairs)
        yield from self._by_cause()
        yield _histogram(
            "event_lateness_seconds",
            "From an event's commit until a stream that was open then had it; a sample when busy",
            hub.lateness.histogram,
        )
        yield _histogram("send_seconds", "From a draft until it was stored", engine.sending.times)
        yield _histogram("loop_lag_seconds", "How late the process is", engine.pulse.lag)
        bus = CounterMetricFamily("notifier_bus", "What happened on the bus", labels=["what"])
        for what, count in sorted(engine.bus.counts().items()):
            bus.add_metric([what], count)
        yield bus

    def _by_cause(self) -> Iterator[Metric]:
        engine, hub = self._engine, self._engine.hub
        fell = _labelled("streams_fell_behind", "Live streams that fell behind, by cause", "cause")
        for cause in ("gap", "full", "slow", "bus"):
            fell.add_metric([cause], hub.counts[cause])
        fell.add_metric(["reconcile"], engine.repairs)
        yield fell
        ended = _labelled("streams_ended", "Streams that are over, by cause", "cause")
        for ending in Ending:
            ended.add_metric([ending.value], hub.endings.counts[ending.value])
        yield ended
        refused = _labelled("streams_refused", "Streams not taken, by cause", "cause")
        refused.add_metric(["too_many"], hub.counts["too_many"])
        refused.add_metric(["process_full"], hub.counts["process_full"])
        yield refused
        sign_ins = _labelled("sign_ins_refused", "Attempts to sign in, by cause", "cause")
        for cause in ("password", "limit"):
            sign_ins.add_metric([cause], engine.sign_ins_refused[cause])
        yield sign_ins
        dropped = _labelled("events_dropped", "Events not put in a mailbox, by cause", "cause")
        for cause in ("repeated", "gap", "full", "heard", "closed", "missed", "garbage", "nobody"):
            dropped.add_metric([cause], hub.counts[cause])
        yield dropped


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"notifier_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"notifier_{name}", text, value=value)


def _labelled(name: str, text: str, label: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"notifier_{name}", text, labels=[label])


def _histogram(name: str, text: str, seen: Histogram) -> HistogramMetricFamily:
    return HistogramMetricFamily(
        f"notifier_{name}", text, buckets=seen.cumulative(), sum_value=seen.total
    )
