"""Cores of their own for the load and for what is measured.

People's browsers are not on the server's machine. Where the load client runs on the cores of a
server it is woken by the very bytes that it waits for, and interrupts the server in the middle of
its work: a gateway process 0.20 times an event, and 0.004 times where it has a core without the
load. With what that leaves in its caches, the same code took 38 and 28 µs an event (in turns), all
on the server's account. So the load client and the feed keep to some cores, and servers and their
Redis to the others. `--share-cores` measures without that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

# The load's part: one of two, and no more than it needs of many.
CORES_EACH_LOAD = 4


@dataclass(frozen=True)
class Cores:
    """Numbers of cores, by who runs there; the same ones where nothing is kept apart."""

    load: frozenset[int]
    servers: frozenset[int]

    @property
    def all(self) -> list[int]:
        return sorted(self.load | self.servers)


def divided(available: frozenset[int]) -> Cores:
    """Every fourth core for the load, but one at least; a single core is for both."""
    if len(available) == 1:
        return Cores(available, available)
    count = max(1, len(available) // CORES_EACH_LOAD)
    ordered = sorted(available)
    return Cores(frozenset(ordered[:count]), frozenset(ordered[count:]))


_kept: ContextVar[Cores] = ContextVar("cores")


def kept() -> Cores:
    """Who runs where at present."""
    here = frozenset(os.sched_getaffinity(0))
    return _kept.get(Cores(here, here))


@contextlib.contextmanager
def apart(wanted: bool) -> Iterator[Cores]:
    """Keep this process to the load's cores, if `wanted`, and what it starts (`for_servers`)."""
    available = frozenset(os.sched_getaffinity(0))
    cores = divided(available) if wanted else Cores(available, available)
    token = _kept.set(cores)
    os.sched_setaffinity(0, cores.load)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, available)
        _kept.reset(token)


@contextlib.contextmanager
def for_servers() -> Iterator[None]:
    """What is started within this keeps to the servers' cores."""
    cores = kept()
    os.sched_setaffinity(0, cores.servers)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores.load)
