"""One run: every wanted measurement at every wanted door, and its results as one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmark import machine, send
from benchmark.awake import awake
from benchmark.cores import apart
from benchmark.doors import ours
from benchmark.doors.door import Door, memory
from benchmark.load import Load
from benchmark.progress import say
from benchmark.rounds import combined, failures
from benchmark.turns import growth
from benchmark.visit import visit

VISITED = {"hold", "connect", "deliver", "storm"}
# What a reader of the JSON can rely on; raised when a name or a unit changes.
FORMAT = 7
# What grows: the gateway, and beside it what the machine lets anything grow like.
GROWN = ("gateway", "bare")


def run(load: Load, doors: list[Door], wanted: set[str]) -> dict[str, Any]:
    """The raw figures. Units stand in the names: `_us`, `_ms`, `_kib`; shares are of 1."""
    with awake(load.awake) as kept, apart(load.apart) as cores:
        found = _run(load, doors, wanted)
        counted = {"load": len(cores.load), "servers": len(cores.servers)}
        return found | {"awake": kept, "cores": counted if load.apart else None}


def _run(load: Load, doors: list[Door], wanted: set[str]) -> dict[str, Any]:
    steal = machine.Steal()
    known = {door: _known(door) for door in doors}
    present = [door for door in doors if "missing" not in known[door]]
    found = _rounds(load, present, wanted & VISITED) if wanted & VISITED else {}
    results: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.describe(),
        "load": asdict(load),
        "in_memory": memory() is not None,
        "doors": {door.name: facts | found.get(door, {}) for door, facts in known.items()},
    }
    if "growth" in wanted:
        grown = [door for door in present if door.name in GROWN]
        results["growth"] = {door.name: growth(door, load) for door in grown}
    if "begin" in wanted and any(door.name == "gateway" for door in doors):
        results["begin"] = {"gateway": {"begin": ours.begin(load.streams)}}
    if "hear" in wanted and any(door.name == "gateway" for door in doors):
        results["hear"] = {"gateway": {"hear": ours.hear(load.streams)}}
    if "send" in wanted and any(door.name == "gateway" for door in doors):
        # Messages are sent through both of our doors.
        results["send"] = send.measure(load)
    results["steal"] = steal.share()
    return results


def _known(door: Door) -> dict[str, Any]:
    if reason := door.missing():
        say(f"{door.title}: missing")
        return {"title": door.title, "missing": reason}
    return {
        "title": door.title,
        "signs_in": door.signs_in,
        "catches_up": door.catches_up,
        "versions": door.versions(),
    }


def _rounds(load: Load, doors: list[Door], wanted: set[str]) -> dict[Door, dict[str, Any]]:
    """The figures of every door. A machine has good minutes and bad ones, so nothing is visited
    again before everything else was."""
    made: dict[Door, list[dict[str, Any]]] = {door: [] for door in doors}
    for number in range(1, load.rounds + 1):
        for door, rounds in made.items():
            say(f"round {number} of {load.rounds}")
            rounds.append(visit(door, load, wanted))
    return {
        door: {name: combined([one[name] for one in rounds]) for name in sorted(wanted)}
        | {"failures": failures(rounds)}
        for door, rounds in made.items()
    }
