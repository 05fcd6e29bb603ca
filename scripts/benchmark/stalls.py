"""When the host held a core back: a witness on each of the load's cores says it.

A virtual machine's core stops when its host gives it to somebody else, and whatever waited for it
comes late by as much, whoever wrote it. The witness is a program on each core that wakes every
millisecond and goes before everything else there (SCHED_FIFO, sched(7)): nothing in this
machine can make it late by a millisecond, so when it is late, the core was not there. It takes the
rights of root, or CAP_SYS_NICE; where they are missing, nothing is known, and nothing is said. Not
on the servers' cores: waking there so often costs a server more than what it tells is worth.

    python -m benchmark.stalls CORE FILE
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import Struct

from benchmark.cores import kept

LOOK_EVERY_NS = 1_000_000
# Late by this much is no longer the kernel's own business (its longest work at a time).
STALL_LEAST_NS = 1_000_000
# Above whatever has no such priority; below the kernel's own threads of this kind.
PRIORITY = 10
# One stall: when the core was last there, and when it was again; monotonic, in nanoseconds.
STALL = Struct("=qq")

Stall = tuple[int, int]


class Witnesses:
    """One on each of the load's cores, while events are delivered."""

    def __init__(self, box: Path) -> None:
        self._files = [box / f"stalls-{core}.bin" for core in sorted(kept().load)]
        self._processes: list[subprocess.Popen[bytes]] = []

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        for core, file in zip(sorted(kept().load), self._files, strict=True):
            file.unlink(missing_ok=True)
            command = [sys.executable, "-m", "benchmark.stalls", str(core), str(file)]
            self._processes.append(subprocess.Popen(command))  # noqa: S603
        try:
            yield
        finally:
            for process in self._processes:
                process.kill()
                process.wait()

    def stalls(self) -> list[Stall] | None:
        """Of these cores, in order; None if this user may not have witnesses."""
        try:
            found = [one for file in self._files for one in STALL.iter_unpack(file.read_bytes())]
        except FileNotFoundError:
            return None
        return sorted((begun, ended) for begun, ended in found)


def shadows(stalls: Iterable[Stall]) -> list[Stall]:
    """The times in which an event may be late because of a stall, without overlaps.

    A shadow is twice as long as its stall: what could not be sent meanwhile is then made up for
    at twice the rate (`feeds.pace`), and takes as long again.
    """
    found: list[Stall] = []
    for begun, woke in sorted(stalls):
        ended = woke + (woke - begun)
        if found and begun <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ended))
        else:
            found.append((begun, ended))
    return found


def watch(core: int, file: Path) -> None:
    """Write down every stall of `core`, until the run is over."""
    run = os.getppid()
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return
    with file.open("wb", buffering=0) as output:
        while os.getppid() == run:
            slept = time.monotonic_ns()
            time.sleep(LOOK_EVERY_NS / 1e9)
            woke = time.monotonic_ns()
            if woke - slept >= LOOK_EVERY_NS + STALL_LEAST_NS:
                output.write(STALL.pack(slept, woke))


if __name__ == "__main__":
    watch(int(sys.argv[1]), Path(sys.argv[2]))
