"""Faults inside a process that a test starts: Python imports this by itself when it is in the path.

NOTIFIER_TESTS_DIE_AFTER_COMMIT names a file: while it is there, a process that has committed and
is about to publish dies on that line, and takes the file with it. NOTIFIER_TESTS_CLOCK names a
file with seconds by which the wall clock is off; the monotonic clock goes on as ever.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

# Between two looks at the file of the clock.
LOOK_SECONDS = 0.05


def die_after_commit(flag: Path) -> None:
    from notifier.engine import Engine

    publish = Engine.publish

    def dies(self: Engine, happened: object) -> None:
        with contextlib.suppress(FileNotFoundError):
            flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        publish(self, happened)  # type: ignore[arg-type]

    Engine.publish = dies  # type: ignore[method-assign]


def follow_clock(file: Path) -> None:
    import time_machine

    traveller = time_machine.travel(time.time(), tick=True).start()

    def follow() -> None:
        off = 0.0
        while True:
            with contextlib.suppress(FileNotFoundError, ValueError):
                wanted = float(file.read_text())
                if wanted != off:
                    traveller.shift(wanted - off)
                    off = wanted
            threading.Event().wait(LOOK_SECONDS)

    def start() -> None:
        threading.Thread(target=follow, daemon=True).start()

    start()
    # A fork copies the clock and not the thread.
    os.register_at_fork(after_in_child=start)


if _flag := os.environ.get("NOTIFIER_TESTS_DIE_AFTER_COMMIT"):
    die_after_commit(Path(_flag))
if _file := os.environ.get("NOTIFIER_TESTS_CLOCK"):
    follow_clock(Path(_file))
