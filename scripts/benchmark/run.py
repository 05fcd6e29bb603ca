"""One run: every wanted measurement at every wanted door, and its results as one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmark import machine, send
from benchmark.awake import awake
from benchmark.doors import ours
from benchmark.doors.door import Door, memory
from benchmark.load import Load
from benchmark.progress import say
from benchmark.visit import visit

VISITED = {"hold", "connect", "deliver", "storm"}
# What a reader of the JSON can rely on; raised when a name or a unit changes.
FORMAT = 4
# What grows: the gateway, and beside it what the machine lets anything grow like.
GROWN = ("gateway", "bare")


def run(load: Load, doors: list[Door], wanted: set[str]) -> dict[str, Any]:
    """The raw figures. Units stand in the names: `_us`, `_ms`, `_kib`; shares are of 1."""
    with awake(load.awake) as kept:
        return _run(load, doors, wanted) | {"awake": kept}


def _run(load: Load, doors: list[Door], wanted: set[str]) -> dict[str, Any]:
    steal = machine.Steal()
    results: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.describe(),
        "load": asdict(load),
        "in_memory": memory() is not None,
        "doors": {door.name: _door(door, load, wanted & VISITED) for door in doors},
    }
    if "growth" in wanted:
        results["growth"] = _growth(load, doors, results["doors"])
    if "begin" in wanted and any(door.name == "gateway" for door in doors):
        results["begin"] = {"gateway": {"begin": ours.begin(load.streams)}}
    if "hear" in wanted and any(door.name == "gateway" for door in doors):
        results["hear"] = {"gateway": {"hear": ours.hear(load.streams)}}
    if "send" in wanted and any(door.name == "gateway" for door in doors):
        # Messages are sent through both of our doors.
        results["send"] = send.measure(load)
    results["steal"] = steal.share()
    return results


def _door(door: Door, load: Load, wanted: set[str]) -> dict[str, Any]:
    known: dict[str, Any] = {"title": door.title}
    if reason := door.missing():
        say(f"{door.title}: missing")
        return known | {"missing": reason}
    known |= {
        "signs_in": door.signs_in,
        "catches_up": door.catches_up,
        "versions": door.versions(),
    }
    return known | (visit(door, load, load.streams, 1, wanted) if wanted else {})


def _growth(load: Load, doors: list[Door], visited: dict[str, Any]) -> dict[str, Any]:
    """The gateway and the floor at several numbers of streams on one process, then at the most on
    several: points by the door's name."""
    most = max(load.growth_streams)
    points = [(streams, 1) for streams in load.growth_streams]
    points += [(most, processes) for processes in load.growth_processes if processes > 1]
    return {
        door.name: [_point(door, load, visited[door.name], *point) for point in points]
        for door in doors
        if door.name in GROWN and not door.missing()
    }


def _point(
    door: Door, load: Load, visited: dict[str, Any], streams: int, processes: int
) -> dict[str, Any]:
    if (streams, processes) == (load.streams, 1) and "deliver" in visited:
        figures = visited
    else:
        figures = visit(door, load, streams, processes, {"deliver"})
    return {
        "streams": streams,
        "processes": processes,
        "deliver": figures["deliver"],
        "failures": figures["failures"],
    }
