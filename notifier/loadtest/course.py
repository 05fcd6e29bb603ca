"""The course of a run: everybody signs in, the windows open, messages are sent, stragglers wait."""

from __future__ import annotations

import asyncio
import random
import resource
import secrets
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import TypeVar

from notifier import seed
from notifier.errors import NotifierError
from notifier.loadtest.exchange import Place
from notifier.loadtest.load import Load
from notifier.loadtest.tally import Seen, Tally
from notifier.loadtest.visitor import CannotSignIn, Visitor
from notifier.loadtest.window import Window

# Passwords are hashed two at a time in a process; more would only wait.
SIGN_INS_AT_ONCE = 4
# Below the backlog of every proxy.
OPENED_AT_ONCE = 100
SENDS_AT_ONCE = 64
OTHER_FILES = 200
LOOK_SECONDS = 0.1

Thing = TypeVar("Thing")
# Called with the part of the run, how far it is, and how far it goes.
Progress = Callable[[str, int, int], None]


class Course:
    """One run against one site."""

    def __init__(self, url: str, load: Load, progress: Progress) -> None:
        self._place = Place.of(url, load.authority)
        self._load = load
        self._progress = progress
        # Tells this run's messages from those of a run before.
        self._mark = f"loadtest {secrets.token_hex(4)} "
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> Tally:
        """What came of it. Raises `CannotSignIn`, and `NotifierError` when it cannot begin."""
        self._make_room()
        names = seed.usernames(self._load.people)
        visitors = [Visitor(self._place, name) for name in names]
        try:
            await self._each("sign in", visitors, SIGN_INS_AT_ONCE, self._sign_in)
            tally = await self._open(visitors)
            await self._send(visitors, tally)
            await self._wait(tally)
            return tally
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.gather(*(visitor.close() for visitor in visitors))

    def _make_room(self) -> None:
        wanted = self._load.streams + self._load.people + OTHER_FILES
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            if hard < wanted:
                raise NotifierError(
                    f"{self._load.streams:,} streams need {wanted:,} open files, and a process may "
                    f"have {hard:,} here: raise the limit (ulimit -Hn), or ask for fewer."
                )
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    async def _sign_in(self, visitor: Visitor) -> None:
        try:
            await visitor.sign_in(self._load.password or seed.PASSWORD)
        except (OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise CannotSignIn(f"{self._place.origin} does not answer: {reason}") from None

    async def _open(self, visitors: list[Visitor]) -> Tally:
        pages = [await visitor.open_page() for visitor in visitors]
        windows = []
        seen: list[Seen] = []
        tally = Tally(seen)
        for number in range(self._load.streams):
            person = number % len(visitors)
            cursor, url = pages[person]
            url = self._load.stream_url or url
            seen.append(Seen(person, newest=cursor))
            place = Place.of(url, self._load.authority)
            cookie = visitors[person].cookie
            windows.append(Window(place, url, cookie, seen[-1], tally, self._number))

        async def opened(window: Window) -> None:
            self._tasks.append(asyncio.create_task(window.listen()))
            await window.answered.wait()

        await self._each("open streams", windows, OPENED_AT_ONCE, opened)
        return tally

    def _number(self, body: object) -> int | None:
        """The number of a message of this run, by its text."""
        if not isinstance(body, str) or not body.startswith(self._mark):
            return None
        return int(body.removeprefix(self._mark).split(" ", 1)[0])

    async def _send(self, visitors: list[Visitor], tally: Tally) -> None:
        began = perf_counter()

        async def send(number: int) -> None:
            # At its moment, however long those before took.
            await asyncio.sleep(max(0.0, began + number / self._load.rate - perf_counter()))
            sender, recipient = random.sample(range(len(visitors)), 2)
            text = f"{self._mark}{number} Shall we meet at noon by the old bridge?"
            at = perf_counter()
            status = await visitors[sender].send(visitors[recipient].username, text)
            if status == 201:
                tally.stored(number, recipient, at)
            else:
                tally.refused[f"message: {f'status {status}' if status else 'no answer'}"] += 1

        await self._each("send messages", range(self._load.messages), SENDS_AT_ONCE, send)

    async def _wait(self, tally: Tally) -> None:
        """For what is on its way, as long as anything may be."""
        ends = perf_counter() + self._load.wait_seconds
        total = tally.missing()
        while (missing := tally.missing()) and perf_counter() < ends:
            self._progress("wait for stragglers", total - missing, total)
            await asyncio.sleep(LOOK_SECONDS)
        if total:
            self._progress("wait for stragglers", total - missing, total)

    async def _each(
        self,
        part: str,
        things: Iterable[Thing],
        at_once: int,
        work: Callable[[Thing], Awaitable[None]],
    ) -> None:
        """`work` on each of `things`, so many at once; the first fault ends it."""
        listed = list(things)
        done = 0
        waiting = iter(listed)
        self._progress(part, 0, len(listed))

        async def hand() -> None:
            nonlocal done
            for one in waiting:
                await work(one)
                done += 1
                self._progress(part, done, len(listed))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(listed))):
                group.create_task(hand())
