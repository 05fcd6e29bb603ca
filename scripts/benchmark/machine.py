"""On what a run was made: enough to compare two runs, nothing that names a person or a path."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmark import cores

# Positions in the first line of /proc/stat (proc(5)) after the word "cpu".
IDLE, IOWAIT, STEAL = 3, 4, 7


def describe() -> dict[str, object]:
    """Processor, cores, memory, kernel, Python, Redis, commit and date."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(cores.kept().all),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "redis": _said("redis-server", "--version", pattern=r"v=(\S+)"),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _said(program: str, *arguments: str, pattern: str = r"(\S+)") -> str:
    found = shutil.which(program)
    if found is None:
        return "missing"
    command = [found, *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(pattern, said)
    return match[1] if match else "unknown"


class Steal:
    """How much of the time this machine's host gave to others while it wanted to run.

    CPU figures do not suffer from it, latencies do.
    """

    def __init__(self) -> None:
        self._before = self._ticks()

    @staticmethod
    def _ticks() -> list[int]:
        return [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]

    def share(self) -> float:
        spent = [now - then for now, then in zip(self._ticks(), self._before, strict=True)]
        wanted = sum(spent[:8]) - spent[IDLE] - spent[IOWAIT]
        return round(spent[STEAL] / wanted, 4) if wanted else 0.0
