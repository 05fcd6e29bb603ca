"""Where a stream's bytes go when they can go at any moment."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """What takes bytes at any moment; an `asyncio.Transport` is one."""

    def write(self, data: bytes, /) -> object:
        """Take `data`. Must not wait; who raises is written to no more."""
