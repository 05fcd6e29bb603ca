"""What every door can be asked, and the run-time of one that is open."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark import kernel
from benchmark.crowd import Request
from benchmark.programs import Feed

# Linux' file system in memory, and what a run may write there: 15,000 people are some 10 MiB, and
# the events of a long delivery as many again.
MEMORY = Path("/dev/shm")  # noqa: S108 (the directories in it have names that nobody guesses)
MEMORY_LEAST_BYTES = 512 * 1024 * 1024


@dataclass
class Open:
    """A door that serves: where, and the processes whose cost is counted."""

    address: tuple[str, int]
    request: Request
    # Each person's last sequence before the run, by number from 0.
    cursors: list[int]
    server_pids: list[int]
    redis_pids: list[int]
    feed: Feed | None
    # Where its programs write their logs.
    box: Path

    def server(self) -> kernel.Usage:
        return sum(map(kernel.usage, self.server_pids), kernel.Usage())

    def redis(self) -> kernel.Usage:
        return sum(map(kernel.usage, self.redis_pids), kernel.Usage())

    def cpu(self) -> float:
        """CPU seconds of server and Redis so far."""
        return sum(kernel.cpu_of_family(pid) for pid in self.server_pids + self.redis_pids)

    def counters(self) -> dict[str, float]:
        """What the server itself counts, where it tells; see `OurOpen`."""
        return {}


class Door(ABC):
    """One way to serve streams."""

    name: str
    title: str
    # What it does for a stream beyond sending, in words for the table.
    signs_in = False
    catches_up = False

    def missing(self) -> str | None:
        """Why it cannot be measured here, in words, or None."""
        return None

    def prepare(self, persons: int) -> None:
        """Make what every opening for so many people, or fewer, can share."""
        return

    @abstractmethod
    def open(self, persons: int, processes: int) -> contextlib.AbstractContextManager[Open]:
        """Serve `persons` people on `processes` processes."""

    def versions(self) -> dict[str, str]:
        return {}


@contextlib.contextmanager
def new_box(*, on_disk: bool = False) -> Iterator[Path]:
    """A directory of the run's own, gone afterwards; in memory where that may and can be."""
    where = None if on_disk else memory()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=where) as name:
        yield Path(name)


def memory() -> Path | None:
    """Where files are kept in memory, or None where that is not, or too small.

    What is written while events are delivered is the feed's: a disk that is busy with it, in a
    virtual machine its host's, would be taken for a slow server. What a message costs is measured
    with the disk.
    """
    try:
        return MEMORY if shutil.disk_usage(MEMORY).free >= MEMORY_LEAST_BYTES else None
    except OSError:
        return None


@contextlib.contextmanager
def closing(feed: Feed) -> Iterator[Feed]:
    try:
        yield feed
    finally:
        feed.close()
