"""Keeps the machine's cores awake while figures are taken.

A core with nothing to do halts. On a virtual machine it goes back to the host with that, and to
get it again takes each event time (the kernel counts it as stolen) and most of its caches. So on
such a machine a server that sleeps between two events pays for the host; one that is kept busy does
not. Where the kernel lets it (`/dev/cpu_dma_latency`, its interface for whoever cannot wait, and an
idle state that polls), an idle core looks in a loop whether there is something to do, and is woken
by a write to memory. Elsewhere a program turns on each core that runs only when nothing else wants
to; to wake a core from that takes an interrupt of another one, which a host has to carry.
Two programs on two cores that take turns (a byte through a pipe) cost 4 µs of CPU a turn in the
first way, 27 in the second and 18 to 23 where cores halt, on a virtual machine in a virtual
machine. `--let-halt` measures without either.

    python -m benchmark.awake CORE
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Turns between two looks whether the run is still there: some milliseconds.
TURNS = 200_000
# The kernel's documentation, power/pm_qos_interface: a 32-bit number of microseconds that nobody
# may wait longer for an idle core, for as long as the file is open.
LATENCY = Path("/dev/cpu_dma_latency")
NO_LATENCY = struct.pack("i", 0)
# The state that is left to an idle core then (admin-guide/pm/cpuidle).
FIRST_IDLE_STATE = Path("/sys/devices/system/cpu/cpu0/cpuidle/state0/name")


@contextlib.contextmanager
def awake(wanted: bool) -> Iterator[str]:
    """Keep each core awake that this process may use, if `wanted`; says how."""
    with contextlib.ExitStack() as stack:
        if not wanted:
            yield "no"
        elif _polls(stack):
            yield "polling"
        else:
            for core in sorted(os.sched_getaffinity(0)):
                stack.callback(_end, _keeper(core))
            yield "turning"


def _polls(stack: contextlib.ExitStack) -> bool:
    """Whether idle cores poll from now on, until `stack` ends or this process does."""
    try:
        if FIRST_IDLE_STATE.read_text().strip() != "POLL":
            return False
        asked = stack.enter_context(LATENCY.open("r+b", buffering=0))
        asked.write(NO_LATENCY)
    except OSError:
        return False
    return True


def _keeper(core: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "benchmark.awake", str(core)])  # noqa: S603


def _end(keeper: subprocess.Popen[bytes]) -> None:
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
