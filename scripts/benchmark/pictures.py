"""Which charts a run gives: one for each measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmark.charts import Bar, Group, bar_chart
from benchmark.figures import CONNECT, DELIVER, MEMORY, SEND, STORM, Figure

Results = Mapping[str, Any]
OURS = ("gateway", "web")


def pictures(results: Results) -> dict[str, str]:
    """SVG documents by measurement."""
    makers: dict[str, Callable[[Results], str | None]] = {
        "hold": lambda r: _doors(r, MEMORY, "Memory per idle stream", _streams(r)),
        "connect": lambda r: _doors(r, CONNECT, "CPU per connect", _streams(r)),
        "deliver": lambda r: _doors(r, DELIVER, "CPU per delivered event", _rate(r)),
        "latency": _latency,
        "storm": lambda r: _doors(r, STORM, "All streams drop and return", _streams(r)),
        "growth": _growth,
        "send": _send,
    }
    drawn = {name: make(results) for name, make in makers.items()}
    return {name: svg for name, svg in drawn.items() if svg is not None}


def _streams(results: Results) -> str:
    return f"{results['load']['streams']:,} streams on one process; less is better"


def _rate(results: Results) -> str:
    return f"{results['load']['rate']:,.0f} events a second, Redis included; {_streams(results)}"


def _doors(results: Results, figure: Figure, title: str, subtitle: str) -> str | None:
    bars = []
    for name, door in results["doors"].items():
        value = figure.of(door)
        if value is not None:
            text = f"{value:,.{figure.digits}f} {figure.unit}"
            limit = figure.budgets.get(name)
            bars.append(Bar(door["title"], value, text, name in OURS, limit))
    return bar_chart(title, subtitle, [Group("", bars)]) if bars else None


def _latency(results: Results) -> str | None:
    groups = []
    for name, door in results["doors"].items():
        if "deliver" in door:
            kinds = [("p50", "p50_ms"), ("p99", "p99_ms"), ("max", "max_ms")]
            bars = [
                Bar(label, door["deliver"][key], f"{door['deliver'][key]:,.2f} ms", name in OURS)
                for label, key in kinds
            ]
            groups.append(Group(door["title"], bars))
    title = "Time from publish to socket"
    return bar_chart(title, _rate(results), groups, log=True) if groups else None


def _growth(results: Results) -> str | None:
    growth = results.get("growth")
    if not growth:
        return None
    by_line: dict[str, list[Bar]] = {}
    for name, lines in growth.items():
        for by, line in lines.items():
            for point in line:
                value = point["deliver"]["cpu_us"]
                label = f"{point[by]:,} {by if point[by] > 1 else by.removesuffix('es')}"
                label += "" if name in OURS else ", the floor"
                bar = Bar(label, value, f"{value:.1f} µs", ours=name in OURS)
                by_line.setdefault(by, []).append(bar)
    most = f"{max(results['load']['growth_streams']):,} streams"
    titles = {"streams": "By streams, 1 process", "processes": f"By processes, {most}"}
    groups = [Group(titles[by], bars) for by, bars in by_line.items()]
    rate = f"{results['load']['rate']:,.0f} events a second"
    return bar_chart("The gateway's CPU per event as it grows", f"{rate}, Redis included", groups)


def _send(results: Results) -> str | None:
    bars = []
    for way, sent in results.get("send", {}).items():
        value = SEND.of(sent)
        if value is not None:
            bars.append(Bar(f"by {way}", value, f"{value:.2f} ms", True, SEND.budgets.get(way)))
    subtitle = (
        f"{results['load']['senders']} senders at once, SQLite, all processes and Redis together"
    )
    return bar_chart("CPU per message sent", subtitle, [Group("", bars)]) if bars else None
