"""What every door can be asked, and the run-time of one that is open."""

from __future__ import annotations

import contextlib
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmark import kernel
from benchmark.crowd import Request
from benchmark.programs import Feed, redis_server


@dataclass
class Open:
    """A door that serves: where, and the processes whose cost is counted."""

    address: tuple[str, int]
    request: Request
    # Each person's last sequence before the run, by number from 0.
    cursors: list[int]
    server_pid: int
    redis_pid: int | None
    feed: Feed
    box: Path
    environment: dict[str, str] = field(default_factory=dict)

    def server(self) -> kernel.Usage:
        return kernel.usage(self.server_pid)

    def redis(self) -> kernel.Usage:
        return kernel.usage(self.redis_pid) if self.redis_pid else kernel.Usage()

    def cpu(self) -> float:
        """CPU seconds of server and Redis so far."""
        pids = [self.server_pid, *([self.redis_pid] if self.redis_pid else [])]
        return sum(kernel.cpu_of_family(pid) for pid in pids)

    def queries(self) -> int | None:
        """Database queries so far, where the server tells."""
        return None


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

    @abstractmethod
    def open(self, persons: int, processes: int) -> contextlib.AbstractContextManager[Open]:
        """Serve `persons` people on `processes` processes."""

    def versions(self) -> dict[str, str]:
        return {}


@contextlib.contextmanager
def box() -> Iterator[Path]:
    """A directory of the run's own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


@contextlib.contextmanager
def redis_in(where: Path) -> Iterator[tuple[int, int]]:
    """Port and process of a Redis in `where`."""
    with redis_server(where) as (port, process):
        yield port, process.pid


@contextlib.contextmanager
def closing(feed: Feed) -> Iterator[Feed]:
    try:
        yield feed
    finally:
        feed.close()
