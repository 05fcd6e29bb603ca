"""Calls that are answered together: batches, bounds, and faults that stay with their owner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from notifier.errors import Unavailable
from notifier.together import Together
from tests.patience import until


class Doubling:
    """Answers a number with its double, when it is let."""

    def __init__(self, most: int = 10, waiting_most: int = 100) -> None:
        self.batches: list[list[int]] = []
        self.answered = asyncio.Event()
        self.answered.set()
        self.together: Together[int, int] = Together(
            self._answer, most=most, waiting_most=waiting_most, full=Unavailable
        )

    async def _answer(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        await self.answered.wait()
        if 13 in numbers:
            raise RuntimeError("the whole batch fails")
        if 99 in numbers:
            return []
        return [ValueError(f"no {number}") if number < 0 else number * 2 for number in numbers]

    def ask_all(self, *numbers: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.together.ask(number)) for number in numbers]

    async def begun(self, batches: int) -> None:
        await until(lambda: len(self.batches) >= batches, f"batch {batches} is being answered")


async def test_a_lone_call_is_answered_at_once() -> None:
    assert await Doubling().together.ask(3) == 6


async def test_calls_of_one_moment_share_a_batch_and_get_their_own_answers() -> None:
    doubling = Doubling()
    assert await asyncio.gather(*doubling.ask_all(1, 2, 3, 2)) == [2, 4, 6, 4]
    assert doubling.batches == [[1, 2, 3, 2]]


async def test_newcomers_gather_while_a_batch_runs() -> None:
    doubling = Doubling()
    doubling.answered.clear()
    first = doubling.ask_all(1)
    await doubling.begun(1)
    rest = doubling.ask_all(2, 3, 4)
    await asyncio.sleep(0)
    doubling.answered.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8]
    assert doubling.batches == [[1], [2, 3, 4]]


async def test_a_batch_is_bounded() -> None:
    doubling = Doubling(most=4)
    assert await asyncio.gather(*doubling.ask_all(*range(10))) == [n * 2 for n in range(10)]
    assert doubling.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_beyond_the_bound_a_newcomer_is_turned_away_and_the_others_are_not() -> None:
    doubling = Doubling(most=1, waiting_most=2)
    doubling.answered.clear()
    first = doubling.ask_all(1)
    await doubling.begun(1)
    waiting = doubling.ask_all(2, 3)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await doubling.together.ask(4)
    doubling.answered.set()
    assert list(await asyncio.gather(*first, *waiting)) == [2, 4, 6]


async def test_an_answer_that_is_an_exception_is_its_callers_alone() -> None:
    answers = await asyncio.gather(*Doubling().ask_all(1, -2, 3), return_exceptions=True)
    assert answers[0] == 2 and answers[2] == 6
    assert isinstance(answers[1], ValueError)


async def test_a_batch_that_fails_fails_for_its_callers_and_the_next_one_is_answered() -> None:
    doubling = Doubling(most=2)
    answers = await asyncio.gather(*doubling.ask_all(13, 1, 2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError, int]
    assert await doubling.together.ask(5) == 10


async def test_too_few_answers_leave_nobody_waiting() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(AssertionError, match="0 answers to 1"):
            await Doubling().together.ask(99)


async def test_a_caller_who_leaves_is_not_served_and_disturbs_nobody() -> None:
    doubling = Doubling()
    doubling.answered.clear()
    first, running_leaver = doubling.ask_all(1, 2)
    await doubling.begun(1)
    waiting_leaver, last = doubling.ask_all(3, 4)
    await asyncio.sleep(0)
    running_leaver.cancel()
    waiting_leaver.cancel()
    await asyncio.sleep(0)
    doubling.answered.set()
    assert list(await asyncio.gather(first, last)) == [2, 8]
    assert running_leaver.cancelled() and waiting_leaver.cancelled()
    assert doubling.batches == [[1, 2], [4]]


async def test_a_batch_of_leavers_asks_nothing() -> None:
    doubling = Doubling(most=1)
    doubling.answered.clear()
    first, leaver, last = doubling.ask_all(1, 2, 3)
    await doubling.begun(1)
    leaver.cancel()
    await asyncio.sleep(0)
    doubling.answered.set()
    assert list(await asyncio.gather(first, last)) == [2, 6]
    assert doubling.batches == [[1], [3]]


async def test_who_waits_behind_an_unavailable_database_does_not_wait_as_long_again() -> None:
    begun, told = asyncio.Event(), asyncio.Event()
    batches = []

    async def locked(numbers: Sequence[int]) -> list[int | Exception]:
        batches.append(list(numbers))
        begun.set()
        await told.wait()
        raise Unavailable

    together: Together[int, int] = Together(locked, most=10, waiting_most=100, full=Unavailable)
    first = asyncio.create_task(together.ask(1))
    await begun.wait()
    second = asyncio.create_task(together.ask(2))
    heard: list[int | Exception] = []
    together.tell(3, heard.append)
    await asyncio.sleep(0)
    told.set()
    for waiting in (first, second):
        with pytest.raises(Unavailable):
            await waiting
    assert [type(one) for one in heard] == [Unavailable]
    assert batches == [[1]], "the second was not tried at all"


async def test_who_has_no_task_is_told_and_a_fault_there_is_nobody_elses() -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    doubling = Doubling(most=10)
    heard: list[int | Exception] = []

    def fails(_: int | Exception) -> None:
        raise ZeroDivisionError

    doubling.together.tell(1, fails)
    doubling.together.tell(2, heard.append)
    (third,) = doubling.ask_all(3)
    assert await third == 6
    assert heard == [4]
    assert [type(fault["exception"]) for fault in faults] == [ZeroDivisionError]


async def test_who_is_told_hears_at_once_that_too_many_wait() -> None:
    doubling = Doubling(most=1, waiting_most=1)
    heard: list[int | Exception] = []
    doubling.together.tell(1, heard.append)
    doubling.together.tell(2, heard.append)
    assert len(heard) == 1 and isinstance(heard[0], Exception)
