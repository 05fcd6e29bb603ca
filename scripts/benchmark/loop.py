"""The load client's loop: one epoll, no coroutine, no task, no allocation per turn.

A turn asks the kernel what is ready and hands each descriptor to whoever holds it. It counts its
own work, because a client that is the bottleneck measures itself: `share` says how much of the
time it was busy, `worst_turn` how long a ready socket may have waited for its turn.
"""

from __future__ import annotations

import contextlib
import gc
import select
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
# Enough to take a burst in one turn, few enough that new bytes are not long without a time stamp.
READY_PER_TURN = 256
# Above this share of its time the client can no longer tell the server's delay from its own.
BUSY_SHARE_MAX = 0.7
# The 99th percentile of a turn that still leaves a p99 of 3 ms believable.
TURN_P99_MAX_MS = 2.0

# The client's own work in one phase, and whether it was the bottleneck; see `Loop.account`.
Account: TypeAlias = dict[str, float | bool]


class Connection(Protocol):
    """Whoever holds a socket."""

    def fileno(self) -> int: ...

    def ready(self, mask: int) -> None: ...


class Loop:
    """All sockets of the load client."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._held: dict[int, Connection] = {}
        self.reset_account()

    def reset_account(self) -> None:
        """Begin to count the client's own work anew."""
        self._began = time.perf_counter()
        self._busy = 0.0
        self._turns: list[float] = []

    def hold(self, connection: Connection, mask: int) -> None:
        fd = connection.fileno()
        self._held[fd] = connection
        self._epoll.register(fd, mask)

    def change(self, connection: Connection, mask: int) -> None:
        self._epoll.modify(connection.fileno(), mask)

    def release(self, connection: Connection) -> None:
        fd = connection.fileno()
        if self._held.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def turn(self, timeout: float) -> None:
        """Wait at most `timeout` seconds, then serve what is ready."""
        ready = self._epoll.poll(timeout, READY_PER_TURN)
        if not ready:
            return
        began = time.perf_counter()
        held = self._held
        for fd, mask in ready:
            connection = held.get(fd)
            if connection is not None:
                connection.ready(mask)
        spent = time.perf_counter() - began
        self._busy += spent
        self._turns.append(spent)

    def run_until(self, done: Callable[[], bool], ceiling: float) -> bool:
        """Turn until `done()` or `ceiling` seconds; whether it was done."""
        end = time.monotonic() + ceiling
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.turn(min(left, 0.05))
        return True

    def account(self, turn_p99_most_ms: float = TURN_P99_MAX_MS) -> Account:
        """The client's own work since `reset_account`, and whether it was the bottleneck."""
        wall = time.perf_counter() - self._began
        turns = sorted(self._turns) or [0.0]
        share = self._busy / wall if wall else 0.0
        p99 = turns[int(len(turns) * 0.99)] * 1000
        return {
            "share": round(share, 3),
            "turn_p99_ms": round(p99, 3),
            "turn_max_ms": round(turns[-1] * 1000, 3),
            "was_bottleneck": share > BUSY_SHARE_MAX or p99 > turn_p99_most_ms,
        }


def worst(accounts: Iterable[Account]) -> Account:
    """Of several accounts the one of the client that most likely set the pace."""
    return max(accounts, key=lambda one: (one["was_bottleneck"], one["share"]))


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """No collections: one that looks through 15,000 streams is a pause of 18 ms, which would be
    taken for late events."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
