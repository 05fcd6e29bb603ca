"""Password hashes: Argon2id, off the event loop, and only so many at once.

argon2-cffi's defaults are RFC 9106's second recommended set (64 MiB, 3 passes, 4 lanes); the
library releases the interpreter lock while it computes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from notifier.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")

# One takes about 50 ms of a core: whoever would wait longer than this many is told to return.
WAITING_MOST = 200
BUSY_RETRY_SECONDS = 10
# A third of the share of a thread that is not nice, when both want the same core.
HASHER_NICENESS = 5


def _step_back() -> None:
    """Let the event loop go first: who signs in waits a little longer, and no stream does.

    Linux gives each thread a priority of its own, and Argon2's own threads inherit it.
    """
    # Elsewhere a thread is no process, and there the order stays as it is.
    with contextlib.suppress(OSError):
        thread = threading.get_native_id()
        present = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, present + HASHER_NICENESS)


class Passwords:
    """Hashes and checks passwords on `hashers` threads of their own."""

    def __init__(self, hashers: int) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(
            hashers, thread_name_prefix="argon2", initializer=_step_back
        )
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded hash of `password`. Raises `Unavailable` when too many wait."""
        return await self._run(self._hasher.hash, password)

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether `password` belongs to `password_hash`.

        None stands for a person who does not exist, and takes the same time as a wrong
        password, so that the time tells nobody who has an account.
        """
        if password_hash is None:
            if self._nobody is None:
                self._nobody = await self.hash("nobody has this password")
            await self._run(self._verify, self._nobody, password)
            return False
        return await self._run(self._verify, password_hash, password)

    async def prepare(self) -> None:
        """Make the hash that stands for nobody, so that the first stranger waits no longer."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")

    def close(self) -> None:
        """Let the threads end; what is being computed is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._waiting >= WAITING_MOST:
            raise Unavailable(
                "Too many people are signing in just now. Please try again in a moment.",
                retry_after=BUSY_RETRY_SECONDS,
            )
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
        finally:
            self._waiting -= 1
