"""Calls that come at the same time and are answered together.

While one batch runs, newcomers gather; the next batch takes them all. So a lone call waits for
nobody, and a thousand calls cost a handful of queries. This is what database people call group
commit, for reads too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from notifier.errors import Unavailable

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Gathers calls to `answer_all`, which takes a list and answers each item in its order.

    An answer that is an exception is raised to its caller alone. If `answer_all` itself raises,
    every caller of that batch gets the exception, and after `Unavailable` those who wait too.
    `most` bounds one batch, `waiting_most` how many may wait; beyond it `full()` makes the
    exception that a newcomer gets. `gather_seconds` is how long the first of a batch waits for
    others, where that is worth fewer queries.
    """

    def __init__(
        self,
        answer_all: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int,
        waiting_most: int,
        full: Callable[[], Exception],
        gather_seconds: float = 0,
    ) -> None:
        self._answer_all = answer_all
        self._most = most
        self._waiting_most = waiting_most
        self._full = full
        self._gather_seconds = gather_seconds
        self._waiting: list[tuple[Asked, asyncio.Future[Answer] | _Told[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer to `asked`. A caller that is cancelled leaves the others undisturbed."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._take(asked, future)
        return await future

    def tell(self, asked: Asked, told: Callable[[Answer | Exception], None]) -> None:
        """As `ask`, for a caller without a task of its own: `told` is called with the answer, or
        with what `ask` would have raised. Not at all if this ends before it comes to it."""
        self._take(asked, _Told(told))

    def _take(self, asked: Asked, whom: asyncio.Future[Answer] | _Told[Answer]) -> None:
        if len(self._waiting) >= self._waiting_most:
            whom.set_exception(self._full())
            return
        self._waiting.append((asked, whom))
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._gather_seconds:
                    await asyncio.sleep(self._gather_seconds)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(batch)
        finally:
            self._task = None
            for _, whom in self._waiting:
                whom.cancel()
            self._waiting = []

    async def _answer(
        self, batch: list[tuple[Asked, asyncio.Future[Answer] | _Told[Answer]]]
    ) -> None:
        # Who has left in the meantime need not be served.
        batch = [(asked, whom) for asked, whom in batch if not whom.done()]
        if not batch:
            return
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._answer_all([asked for asked, _ in batch])
            if len(answers) != len(batch):
                # Nobody may wait for ever for an answer that was never made.
                raise AssertionError(f"{len(answers)} answers to {len(batch)} questions")
        except Exception as error:
            answers = [error] * len(batch)
            if isinstance(error, Unavailable):
                # It took its time to find that out. Whoever waited behind it would wait as long
                # once more to hear the same.
                batch += self._waiting
                answers = [error] * len(batch)
                self._waiting = []
        except BaseException:
            for _, whom in batch:
                whom.cancel()
            raise
        for (_, whom), answer in zip(batch, answers, strict=True):
            if whom.done():
                continue
            if isinstance(answer, Exception):
                whom.set_exception(answer)
            else:
                whom.set_result(answer)


class _Told(Generic[Answer]):
    """As much of a future as is needed for whoever is called, without what a future costs: it
    would be scheduled and run in a turn of its own for each of thousands."""

    __slots__ = ("_told",)

    def __init__(self, told: Callable[[Answer | Exception], None]) -> None:
        self._told = told

    def done(self) -> bool:
        return False

    def cancel(self) -> None:
        pass

    def set_exception(self, error: Exception) -> None:
        self.set_result(error)

    def set_result(self, answer: Answer | Exception) -> None:
        try:
            self._told(answer)
        except Exception as error:
            # A fault of ours with one of them; the others get their answers.
            told = {"message": "whoever was told an answer failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(told)
