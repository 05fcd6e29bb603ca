"""Keeps the machine's cores awake while figures are taken.

A core with nothing to do halts. On a virtual machine it goes back to the host with that, and to
get it again takes each event time (the kernel counts it as stolen) and most of its caches. So on
such a machine a server that sleeps between two events pays for the host; one that is kept busy does
not. With a program on each core that runs only when nothing else wants to, none halts, and the
figures say what the servers take: one and the same program, the floor, took 23 to 30 µs for an
event with it and 32 to 40 without, in turns. `--let-halt` measures without it.

    python -m benchmark.awake CORE
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

# Turns between two looks whether the run is still there: some milliseconds.
TURNS = 200_000


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep each core awake that this process may use."""
    keepers = [
        subprocess.Popen([sys.executable, "-m", "benchmark.awake", str(core)])  # noqa: S603
        for core in sorted(os.sched_getaffinity(0))
    ]
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.kill()
            keeper.wait()


def keep(core: int) -> None:
    """Turn on `core`, below everybody else, until the run is over."""
    run = os.getppid()
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == run:
        for _ in range(TURNS):
            pass


if __name__ == "__main__":
    keep(int(sys.argv[1]))
