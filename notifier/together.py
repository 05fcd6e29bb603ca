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
    `most` bounds one batch, `waiting_most` how
    many may wait; beyond it `full()` makes the exception that a newcomer gets. `gather_seconds`
    is how long the first of a batch waits for others, where that is worth fewer queries.
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
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer to `asked`. A caller that is cancelled leaves the others undisturbed."""
        return await self.asking(asked)

    def asking(self, asked: Asked) -> asyncio.Future[Answer]:
        """As `ask`, for a caller without a task of its own: the future of the answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= self._waiting_most:
            future.set_exception(self._full())
            return future
        self._waiting.append((asked, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._gather_seconds:
                    await asyncio.sleep(self._gather_seconds)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(batch)
        finally:
            self._task = None
            for _, future in self._waiting:
                future.cancel()
            self._waiting = []

    async def _answer(self, batch: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        # Who has left in the meantime need not be served.
        batch = [(asked, future) for asked, future in batch if not future.done()]
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
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
