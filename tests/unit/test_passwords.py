"""Hashing tells nobody who has an account, and a hundred at once take no more than their share."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from notifier.errors import Unavailable
from notifier.passwords import BUSY_RETRY_SECONDS, HASHER_NICENESS, WAITING_MOST, Passwords

HASHERS = 2


class Counting(Passwords):
    """Computes nothing; counts how often and how many at once it would have."""

    def __init__(self) -> None:
        super().__init__(HASHERS)
        self.checked: list[str] = []
        self.most_at_once = 0
        self.go_on = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()

    def _verify(self, password_hash: str, password: str) -> bool:
        with self._lock:
            self.checked.append(password_hash)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        self.go_on.wait(timeout=10)
        with self._lock:
            self._at_once -= 1
        return False


@pytest.mark.parametrize("stored", [None, "a stored hash"])
async def test_nobody_and_somebody_cost_one_computation_each(stored: str | None) -> None:
    passwords = Counting()
    passwords.go_on.set()
    await passwords.prepare()
    assert not await passwords.check(stored, "a guess")
    (compared,) = passwords.checked
    # Of the same kind as a real one, or it would be computed faster.
    assert compared == (stored or passwords._nobody)
    assert stored or compared.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    passwords.close()


async def test_a_hash_that_is_none_signs_nobody_in() -> None:
    passwords = Passwords(1)
    assert not await passwords.check("no hash at all", "a guess")
    passwords.close()


async def test_so_many_are_computed_at_once_and_the_rest_wait_or_are_told_to_return() -> None:
    passwords = Counting()
    waiting = [asyncio.create_task(passwords.check("a hash", "x")) for _ in range(WAITING_MOST)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await passwords.check("a hash", "one too many")
    assert refused.value.retry_after == BUSY_RETRY_SECONDS
    passwords.go_on.set()
    assert await asyncio.gather(*waiting) == [False] * WAITING_MOST
    assert passwords.most_at_once == HASHERS
    # And then there is room again.
    assert not await passwords.check("a hash", "x")
    passwords.close()


async def test_who_gives_up_waiting_makes_room() -> None:
    passwords = Counting()
    waiting = [asyncio.create_task(passwords.check("a hash", "x")) for _ in range(WAITING_MOST)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    passwords.go_on.set()
    assert not await passwords.check("a hash", "x")
    assert len(passwords.checked) <= HASHERS + 1, "what nobody waits for is not computed"
    passwords.close()


async def test_hashing_gives_way_to_the_event_loop() -> None:
    passwords = Passwords(1)
    niceness = await passwords._run(
        lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    )
    assert niceness == os.getpriority(os.PRIO_PROCESS, 0) + HASHER_NICENESS
    passwords.close()
