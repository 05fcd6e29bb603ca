"""How an event's cost grows: servers that are open at the same time and are fed in turns.

A factor between two servers asks for what a cost alone does not: that both were measured on the
same machine. Half a minute later it is another one, because its host gives the caches to somebody
else; of two servers that were visited one after the other, the same code grew by 1.57 and by 1.72
in two rounds of one run. Here whatever disturbs, disturbs one as the other, and the middle of many
factors counts, each of two turns a few seconds apart.

Each server has a load client in a process of its own, since one process may not have the open files
for the streams of several.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from benchmark.doors.door import Door
from benchmark.load import Load
from benchmark.loop import no_garbage
from benchmark.programs import BenchError
from benchmark.progress import say
from benchmark.rounds import combined, failures, middle
from benchmark.visit import Figures, Visit

# What grows along a line of points, and the line.
Lines: TypeAlias = dict[str, list[dict[str, Any]]]

# Forked, a client has the run's cores and people; nothing of it runs that the run did not begin.
FORK = multiprocessing.get_context("fork")


def growth(door: Door, load: Load) -> Lines:
    """A door's points by `streams`, on one process, and by `processes`, at the most streams."""
    most = max(load.growth_streams)
    door.prepare(most)
    return {
        "streams": _line(door, load, [(streams, 1) for streams in load.growth_streams]),
        "processes": _line(door, load, [(most, count) for count in load.growth_processes]),
    }


def _line(door: Door, load: Load, points: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Each of `points` (streams, processes) with what was measured there, turn by turn."""
    turns: list[list[Figures]] = [[] for _ in points]
    with contextlib.ExitStack() as stack:
        pipes = [stack.enter_context(_contestant(door, load, *point)) for point in points]
        for number in range(1, load.turns + 1):
            say(f"{door.title}: turn {number} of {load.turns} of each of {len(points)}")
            for pipe, made in zip(pipes, turns, strict=True):
                made.append(_turn(pipe))
    return [
        {
            "streams": streams,
            "processes": processes,
            "deliver": combined([one["deliver"] for one in made], middle),
            "failures": failures(made),
        }
        for (streams, processes), made in zip(points, turns, strict=True)
    ]


@contextlib.contextmanager
def _contestant(door: Door, load: Load, streams: int, processes: int) -> Iterator[Connection]:
    """A server with all its streams open; it delivers whenever it is told to."""
    ours, theirs = FORK.Pipe()
    arguments = (ours, theirs, door, load, streams, processes)
    client = FORK.Process(target=_client, args=arguments, daemon=True)
    client.start()
    theirs.close()
    try:
        _answer(ours)
        yield ours
    finally:
        ours.close()
        client.join()


def _turn(pipe: Connection) -> Figures:
    """Let one deliver while all the others wait."""
    with contextlib.suppress(BrokenPipeError):
        pipe.send("deliver")
    return _answer(pipe)


def _answer(pipe: Connection) -> Figures:
    try:
        answer: Figures | BenchError = pipe.recv()
    except (EOFError, ConnectionResetError):
        raise BenchError("a load client ended before its server's turns were over") from None
    if isinstance(answer, BenchError):
        raise answer
    return answer


def _client(
    run: Connection, pipe: Connection, door: Door, load: Load, streams: int, processes: int
) -> None:
    """A load client's process, until the run has no more turns for it or is no more itself."""
    # Whoever else holds the run's end would keep this one from seeing that it is closed.
    run.close()
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            with door.open(streams, processes) as opened, no_garbage():
                visit = Visit(door, opened, load)
                visit.warm_up()
                visit.connect()
                try:
                    _take_turns(visit, pipe)
                finally:
                    visit.crowd.drop()
        except BenchError as error:
            pipe.send(error)


def _take_turns(visit: Visit, pipe: Connection) -> None:
    pipe.send({})
    while True:
        visit.serve_until(pipe.poll)
        pipe.recv()
        delivered = visit.deliver(visit.load.turn_seconds)
        pipe.send({"deliver": delivered, "failures": visit.failures()})
