"""A supervisor over children that do what a file tells them: `supervised.py FOLDER SLOTS OPTIONS`.

The children cost nothing to start, so that what takes a real server a minute takes a moment. Their
fork server is this program too: `supervised.py FOLDER --control=FD SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

from notifier import fork_server, supervisor
from notifier.supervisor import Slot, Supervisor


def child(folder: Path, fds: Mapping[str, int]) -> None:
    """Its behaviour is what the file says at its start; "slow" is ready once a file `go` is
    there, "plain" has no signal handlers."""
    how = (folder / "behaviour").read_text()
    if how != "plain":
        stubborn = how == "stubborn"
        signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else lambda *_: sys.exit(0))
    with (folder / "started").open("a") as started:
        started.write(f"{os.getpid()} {os.getppid()} {how}\n")
    (folder / f"open-{os.getpid()}").write_text(
        " ".join(fd.name for fd in Path("/proc/self/fd").iterdir())
    )
    if how == "dies":
        sys.exit(1)
    if how == "misconfigured":
        sys.exit(3)
    while how == "slow" and not (folder / "go").exists():
        time.sleep(0.01)
    os.write(fds["ready"], b"ready")
    os.close(fds["ready"])
    os.read(fds["life"], 1)


def waiting_after(seconds: float) -> Callable[[int, int], tuple[int, int]]:
    """`os.waitpid` on a machine so busy that an end is heard of late."""
    at_once = os.waitpid

    def later(pid: int, options: int) -> tuple[int, int]:
        time.sleep(seconds)
        return at_once(pid, options)

    return later


def forking(folder: Path) -> Callable[[], int]:
    """`os.fork` on a machine that has no place for a process while there is a file `crowded`."""
    fork = os.fork

    def maybe() -> int:
        if (folder / "crowded").exists():
            raise BlockingIOError
        return fork()

    return maybe


def fork(folder: Path, control_fd: int, late_seconds: float) -> None:
    if (folder / "broken").exists():
        sys.exit("this version does not load")
    (folder / "loads").touch()
    while (folder / "heavy").exists():
        time.sleep(0.01)
    late = mock.patch("os.waitpid", waiting_after(late_seconds))
    with late, mock.patch("os.fork", forking(folder)):
        order = fork_server.serve(socket.socket(fileno=control_fd))
    if order is not None:
        child(folder, order.fds)


def supervise(folder: Path, slots: int, options: dict[str, float]) -> int:
    late_seconds = options.pop("late_seconds", 0)
    pause_seconds = options.pop("pause_seconds", supervisor.RESTART_FIRST_SECONDS)
    for name, value in options.items():
        setattr(supervisor, name, value)

    def command(kind: str, control_fd: int) -> list[str]:
        program = [sys.executable, "-m", "tests.integration.supervised"]
        return [*program, str(folder), f"--control={control_fd}", str(late_seconds)]

    made = [Slot(f"child-{n}", "child", {}, pause_seconds=pause_seconds) for n in range(slots)]
    return asyncio.run(Supervisor(made, command, drain_seconds=0).run())


def main(folder: Path, what: str, options: str) -> int | None:
    if what.startswith("--control="):
        fork(folder, int(what.partition("=")[2]), float(options))
        return None
    return supervise(folder, int(what), json.loads(options))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
