"""One run: every wanted measurement at every wanted door, and its results as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmark import machine, send
from benchmark.awake import awake
from benchmark.cores import apart
from benchmark.doors import ours
from benchmark.doors.door import Door, memory
from benchmark.load import Load
from benchmark.progress import say
from benchmark.rounds import combined, failures
from benchmark.visit import visit

VISITED = {"hold", "connect", "deliver", "storm"}
# What a reader of the JSON can rely on; raised when a name or a unit changes.
FORMAT = 6
# What grows: the gateway, and beside it what the machine lets anything grow like.
GROWN = ("gateway", "bare")


@dataclass(frozen=True)
class Plan:
    """A visit as it is made in every round."""

    door: Door
    streams: int
    processes: int
    wanted: frozenset[str]


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
    plain = {door: Plan(door, load.streams, 1, frozenset(wanted & VISITED)) for door in present}
    grown = [door for door in present if door.name in GROWN and "growth" in wanted]
    growth = {door.name: _growth(plain[door], load) for door in grown}
    found = _rounds(load, _in_order(plain.values(), growth))
    results: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.describe(),
        "load": asdict(load),
        "in_memory": memory() is not None,
        "doors": {
            door.name: facts | (found.get(plain[door], {}) if door in plain else {})
            for door, facts in known.items()
        },
    }
    if "growth" in wanted:
        results["growth"] = {
            name: [_point(plan, found[plan]) for plan in line] for name, line in growth.items()
        }
    if "begin" in wanted and any(door.name == "gateway" for door in doors):
        results["begin"] = {"gateway": {"begin": ours.begin(load.streams)}}
    if "hear" in wanted and any(door.name == "gateway" for door in doors):
        results["hear"] = {"gateway": {"hear": ours.hear(load.streams)}}
    if "send" in wanted and any(door.name == "gateway" for door in doors):
        # Messages are sent through both of our doors.
        results["send"] = send.measure(load)
    results["steal"] = steal.share()
    return results


def _in_order(plain: Iterable[Plan], growth: Mapping[str, list[Plan]]) -> list[Plan]:
    """Every plan once. A door's growth is visited right after the door, and what is divided by each
    other soon after each other: a machine is not the same some minutes later."""
    plans: list[Plan] = []
    for plan in plain:
        line = sorted(growth.get(plan.door.name, []), key=lambda one: (-one.streams, one.processes))
        first = [plan] if plan.wanted else []
        plans += first + [one for one in line if one not in first]
    return plans


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


def _growth(plain: Plan, load: Load) -> list[Plan]:
    """A door at several numbers of streams on one process, then at the most on several. The point
    that is visited anyway is not visited twice."""
    most = max(load.growth_streams)
    points = [(streams, 1) for streams in load.growth_streams]
    points += [(most, processes) for processes in load.growth_processes if processes > 1]
    wanted = frozenset({"deliver"})
    return [
        plain
        if (streams, processes) == (plain.streams, plain.processes) and wanted <= plain.wanted
        else replace(plain, streams=streams, processes=processes, wanted=wanted)
        for streams, processes in points
    ]


def _point(plan: Plan, figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "streams": plan.streams,
        "processes": plan.processes,
        "deliver": figures["deliver"],
        "failures": figures["failures"],
    }


def _rounds(load: Load, plans: list[Plan]) -> dict[Plan, dict[str, Any]]:
    """The figures of every plan. A machine has good minutes and bad ones, so nothing is visited
    again before everything else was."""
    made: dict[Plan, list[dict[str, Any]]] = {plan: [] for plan in plans}
    for number in range(1, load.rounds + 1):
        for plan, rounds in made.items():
            say(f"round {number} of {load.rounds}")
            rounds.append(visit(plan.door, load, plan.streams, plan.processes, set(plan.wanted)))
    return {
        plan: {name: combined([one[name] for one in rounds]) for name in sorted(plan.wanted)}
        | {"failures": failures(rounds)}
        for plan, rounds in made.items()
    }
