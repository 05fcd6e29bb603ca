"""What the server's processes cost, by the kernel's own accounting.

CPU time holds on a busy machine, where wall-clock time does not: a process that waits for a core
is not charged. Nothing here samples; every figure is a difference between two readings.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

# What children took that have ended is counted in these (proc(5)), 10 ms on Linux.
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Positions after the command's closing parenthesis in /proc/<pid>/stat (proc(5), fields 16 and 17).
CUTIME, CSTIME = 13, 14


@dataclass(frozen=True)
class Usage:
    """CPU seconds (user and kernel) since each process began, and memory now, of some processes.

    `pss` is the proportional share: a page that n processes share counts 1/n in each, so the sum
    over a server's processes is what the machine gave them. `uss` is what they share with nobody.
    Both in bytes; socket buffers are the kernel's and are not in either. `wakes` is how often a
    thread of theirs had nothing to do and waited: each ends with a wake, which pays for the switch
    and finds the core's caches full of others' things.
    """

    cpu: float = 0.0
    pss: int = 0
    uss: int = 0
    wakes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu + other.cpu,
            self.pss + other.pss,
            self.uss + other.uss,
            self.wakes + other.wakes,
        )

    def __sub__(self, other: Usage) -> Usage:
        return self + Usage(-other.cpu, -other.pss, -other.uss, -other.wakes)


def family(pid: int) -> list[int]:
    """A process and all its living descendants."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found.extend(int(child) for child in task.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended while we looked; its time is in its parent's account.
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of those of its children that have ended and were waited for."""
    try:
        own = time.clock_gettime(_cpu_clock(pid))
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return own + sum(int(fields[n]) for n in (CUTIME, CSTIME)) / TICKS_PER_SECOND


def _cpu_clock(pid: int) -> int:
    """The clock of what a process has run for, in nanoseconds, its ended threads with it.

    /proc/<pid>/stat has the same in ticks. Each of four processes is off by one then, which was
    2 % of an event. The number is made as clock_getcpuclockid(3) makes it, which Python has not.
    """
    return (~pid << 3) | 2


def memory(pid: int) -> tuple[int, int]:
    """PSS and USS of a process in bytes (proc_pid_smaps_rollup(5))."""
    pss = uss = 0
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    for line in lines:
        name, _, rest = line.partition(":")
        if name == "Pss":
            pss = int(rest.split()[0]) * 1024
        elif name in ("Private_Clean", "Private_Dirty"):
            uss += int(rest.split()[0]) * 1024
    return pss, uss


def wakes(pid: int) -> int:
    """How often the living threads of a process have waited (proc_pid_status(5),
    `voluntary_ctxt_switches`)."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            _, _, rest = status.read_text().partition("\nvoluntary_ctxt_switches:")
            count += int(rest.split(maxsplit=1)[0]) if rest else 0
    return count


def usage(pid: int) -> Usage:
    """Of a process and its descendants."""
    total = Usage()
    for one in family(pid):
        pss, uss = memory(one)
        total += Usage(cpu_seconds(one), pss, uss, wakes(one))
    return total


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process and its descendants; cheap enough to poll."""
    return sum(cpu_seconds(one) for one in family(pid))
