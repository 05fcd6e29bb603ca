"""The table at the end, as plain text and as Markdown for the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.figures import (
    BEGIN_FIGURES,
    DOOR_FIGURES,
    GROWTH_FACTOR_MAX,
    HEAR_FIGURES,
    SEND_FIGURES,
    Figure,
    bottlenecks,
    faults,
    growth_of,
    missed,
)

# What became of cores with nothing to do (`awake`).
AWAKE = {
    "no": "idle cores halting",
    "polling": "idle cores polling",
    "turning": "cores kept awake by a program on each",
}
# What one event costs, and the digits to show of it.
EVENT_COSTS = (("cpu_us", 1), ("redis_us", 1), ("wakes", 2))

Row = list[str]
Results = Mapping[str, Any]


def tables(results: Results) -> list[tuple[str, list[Row]]]:
    """Each table with its title; the first row of each holds the columns' names."""
    load = results["load"]
    found = []
    doors = {n: d for n, d in results["doors"].items() if "missing" not in d}
    if any(figure.of(door) is not None for door in doors.values() for figure in DOOR_FIGURES):
        title = (
            f"{load['streams']:,} streams, {load['rate']:,.0f} events a second for "
            f"{load['seconds']:.0f} s, one server process{_of_rounds(load)}"
        )
        found.append((title, _door_table(doors)))
    for name, lines in results.get("growth", {}).items():
        for by, line in lines.items():
            title = (
                f"Growth by {by}: {doors[name]['title']}, all open at once, {load['turns']} turns"
                f" of {load['turn_seconds']:g} s each; of the costs the middle"
            )
            found.append((title, _growth_table(line)))
    if results.get("begin"):
        title = "A stream's beginning in the gateway by itself: no sockets, no Redis, one process"
        found.append((title, _rows(BEGIN_FIGURES, results["begin"], ["gateway"])))
    if results.get("hear"):
        title = (
            "Hearing: from Redis' bytes until an event is given to its streams, one gateway process"
        )
        found.append((title, _rows(HEAR_FIGURES, results["hear"], ["gateway"])))
    if results.get("send"):
        title = f"Messages, {load['senders']} senders at once, SQLite"
        found.append(
            (title, _rows(SEND_FIGURES, results["send"], [f"by {n}" for n in results["send"]]))
        )
    return found


def _of_rounds(load: Mapping[str, Any]) -> str:
    if load["rounds"] == 1:
        return ""
    return (
        f"; of {load['rounds']} rounds the least CPU and memory, the middle time,"
        " all that was sent or went wrong"
    )


def _door_table(doors: Results) -> list[Row]:
    rows = _rows(DOOR_FIGURES, doors, [door["title"] for door in doors.values()])
    rows.insert(1, ["signs people in", *(_yes(door["signs_in"]) for door in doors.values())])
    rows.insert(2, ["catches up", *(_yes(door["catches_up"]) for door in doors.values())])
    return rows


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _rows(figures: Sequence[Figure], columns: Results, titles: list[str]) -> list[Row]:
    rows: list[Row] = [["", *titles]]
    for figure in figures:
        base = figure.of(columns["gateway"]) if figure.compared and "gateway" in columns else None
        cells = [_cell(figure, name, column, base) for name, column in columns.items()]
        if any(cells):
            unit = f", {figure.unit}" if figure.unit else ""
            rows.append([figure.title + unit, *(cell or "–" for cell in cells)])
    return rows


def _cell(figure: Figure, name: str, column: Results, base: float | None) -> str:
    value = figure.of(column)
    if value is None:
        return ""
    text = f"{value:,.{figure.digits}f}"
    if base and name != "gateway":
        text += f" ({value / base:.1f}×)"
    kept = figure.kept(name, column)
    if kept is not None:
        text += f" {'≤' if kept else '> !'} {figure.budgets[name]:,g}"
    return text


def _growth_table(points: Sequence[Results]) -> list[Row]:
    head = (
        "streams",
        "processes",
        "CPU per event, µs",
        "of it Redis",
        "wakes",
        "p50, ms",
        "p99, ms",
        "calm p99, ms",
        "max, ms",
    )
    counts = ("sent", "received", "lost", "duplicated", "out_of_order")
    rows: list[Row] = [[*head, *(name.replace("_", " ") for name in counts)]]
    for point in points:
        deliver = point["deliver"]
        times = (_ms(deliver[key]) for key in ("p50_ms", "p99_ms", "calm_p99_ms", "max_ms"))
        counted = (f"{deliver[key]:,}" for key in counts)
        costs = (f"{deliver[key]:.{digits}f}" for key, digits in EVENT_COSTS)
        rows.append([f"{point['streams']:,}", str(point["processes"]), *costs, *times, *counted])
    return rows


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def notes(results: Results) -> list[str]:
    """What a reader must know beside the table."""
    said = [
        f"{d['title']}: missing, {d['missing']}."
        for d in results["doors"].values()
        if "missing" in d
    ]
    said += [
        _growth_note(results["doors"][name]["title"], lines, by)
        for name, lines in results.get("growth", {}).items()
        for by in lines
    ]
    said += _round_notes(results)
    said += bottlenecks(results)
    if results["steal"] > 0.01:
        said.append(
            f"The host withheld {results['steal']:.0%} of the CPU time that this machine wanted:"
            " latencies suffer from it, and CPU figures from who else uses its cores' caches."
        )
    said += [f"MISSED {mark}." for mark in missed(results)]
    said += [f"FAULT {fault}" for fault in faults(results)]
    return [one for one in said if one]


def _round_notes(results: Results) -> list[str]:
    """CPU per event in each round: how far one visit can be from the next."""
    if results["load"]["rounds"] == 1:
        return []
    doors = results["doors"]
    visits = [(d["title"], d["deliver"]) for d in doors.values() if "deliver" in d]
    return [
        f"{title}: CPU per event in each round "
        + ", ".join("–" if cost is None else f"{cost:.1f}" for cost in deliver["cpu_us_of_rounds"])
        + " µs."
        for title, deliver in visits
    ]


def _growth_note(title: str, lines: Mapping[str, Sequence[Results]], by: str) -> str:
    """How the CPU per event grows from the least to the most streams, or processes."""
    grown = growth_of(lines, by)
    if grown is None:
        return ""
    verdict = "within" if grown.factor <= GROWTH_FACTOR_MAX else "beyond"
    low, high = grown.half
    return (
        f"{title}: from {grown.least:,} to {grown.most:,} {by} the CPU per event changes by the"
        f" factor {grown.factor:.2f}, {verdict} the {GROWTH_FACTOR_MAX:.2f} that the gateway is"
        f" allowed (the middle of {len(grown.factors)} turns, half of them between {low:.2f} and"
        f" {high:.2f})."
    )


def _cores(counted: dict[str, int] | None) -> str:
    """Who had which cores (`cores`)."""
    if counted is None:
        return "load and servers on the same cores"
    return f"{counted['load']} of the cores for the load and {counted['servers']} for the servers"


def machine_line(results: Results) -> str:
    m = results["machine"]
    return (
        f"{m['date']}, commit {m['commit']}: {m['processor']}, {m['cores']} cores,"
        f" {m['memory_gib']} GiB, {m['kernel']}, Python {m['python']}, Redis {m['redis']}"
        f", {AWAKE[results['awake']]}, {_cores(results['cores'])}"
        f"{', the streams’ database in memory' if results['in_memory'] else ''}"
    )


def as_text(results: Results) -> str:
    parts = [machine_line(results)]
    for title, rows in tables(results):
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            row[0].ljust(widths[0])
            + "".join(f"  {c.rjust(w)}" for c, w in zip(row[1:], widths[1:], strict=True))
            for row in rows
        ]
        parts.append("\n".join([title, *lines]))
    return "\n\n".join([*parts, "\n".join(notes(results))]).rstrip() + "\n"


def as_markdown(results: Results) -> str:
    parts = [machine_line(results)]
    for title, rows in tables(results):
        head, *body = rows
        rule = [":--", *["--:"] * (len(head) - 1)]
        lines = [
            "| " + " | ".join(cell.strip() for cell in row) + " |" for row in (head, rule, *body)
        ]
        parts.append("\n".join([f"**{title}**", "", *lines]))
    versions = [
        f"{door['title']}: " + ", ".join(f"{n} {v}" for n, v in door["versions"].items()) + "."
        for door in results["doors"].values()
        if door.get("versions")
    ]
    return "\n\n".join([*parts, "\n".join(f"- {one}" for one in notes(results) + versions)]) + "\n"
