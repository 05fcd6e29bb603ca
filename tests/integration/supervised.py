"""A supervisor over children that do what a file tells them: `supervised.py FOLDER SLOTS OPTIONS`.

The children cost nothing to start, so that what takes a real server a minute takes a moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from notifier import supervisor
from notifier.supervisor import Slot, Supervisor

# Its behaviour is what the file says at its start; "slow" is ready once a file `go` is there.
CHILD = """
import os, signal, sys, time
folder, life, ready = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
how = open(folder + "/behaviour").read()
signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "stubborn" else lambda *_: sys.exit(0))
with open(folder + "/started", "a") as started:
    started.write(f"{os.getpid()} {how}\\n")
if how == "dies":
    sys.exit(1)
if how == "misconfigured":
    sys.exit(3)
while how == "slow" and not os.path.exists(folder + "/go"):
    time.sleep(0.01)
if how != "never ready":
    os.write(ready, b"ready")
os.close(ready)
os.read(life, 1)
"""


def reaping_after(seconds: float) -> Callable[[int, int], tuple[int, int]]:
    """`os.waitpid` for asyncio's watcher on a machine so busy that it hears late of an end."""
    at_once = os.waitpid

    def later(pid: int, options: int) -> tuple[int, int]:
        if not options:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            time.sleep(seconds)
        return at_once(pid, options)

    return later


def main(folder: Path, slots: int, options: dict[str, float]) -> int:
    late_seconds = options.pop("late_seconds", 0)
    pause_seconds = options.pop("pause_seconds", supervisor.RESTART_FIRST_SECONDS)
    for name, value in options.items():
        setattr(supervisor, name, value)

    def command(life_fd: int, ready_fd: int) -> list[str]:
        program = [sys.executable, "-I", "-S", "-c", CHILD]
        return [*program, str(folder), str(life_fd), str(ready_fd)]

    made = [Slot(f"child-{n}", command, (), pause_seconds=pause_seconds) for n in range(slots)]
    late = mock.patch("os.waitpid", reaping_after(late_seconds)) if late_seconds else nullcontext()
    with late:
        return asyncio.run(Supervisor(made, drain_seconds=0).run())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])))
