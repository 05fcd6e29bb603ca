"""Somebody who keeps sending, one message after the other, and remembers what they were told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import h11

from tests.crowd import Somebody
from tests.exchange import Answer
from tests.person import Person

# Between two sends of one sender: enough to fill a test, few enough for two cores.
PAUSE_SECONDS = 0.05
STORED = (201, 302, 303)


class Sender:
    """Sends to `recipients` in turn. `mark` begins each of their texts."""

    def __init__(self, who: Person, recipients: Sequence[Somebody]) -> None:
        self.who = who
        self.recipients = recipients
        self.mark = secrets.token_hex(4)
        self.tried: list[str] = []
        # Answered as sent; answered with a refusal; not answered at all (stored or not).
        self.confirmed: list[str] = []
        self.refused: dict[str, Answer] = {}
        self.unanswered: list[str] = []
        # Sends that wait for their answer.
        self.under_way = 0
        self.slowest_seconds = 0.0
        self._numbers = itertools.count(1)

    async def send(self, recipient: Somebody) -> Answer | None:
        """One message; what was answered, None when the connection broke instead."""
        body = f"{self.mark} {next(self._numbers)}"
        self.tried.append(body)
        begun = time.monotonic()
        self.under_way += 1
        try:
            answer = await self.who.request(
                "POST", f"/send_message/{recipient.username}", fields={"message": body}
            )
        except (OSError, h11.RemoteProtocolError, TimeoutError):
            self.unanswered.append(body)
            return None
        finally:
            self.under_way -= 1
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - begun)
        if answer.status in STORED:
            self.confirmed.append(body)
        else:
            self.refused[body] = answer
        return answer


@asynccontextmanager
async def sending(senders: Sequence[Sender]) -> AsyncIterator[None]:
    """All of them at it while the block lasts; each finishes what it is about to send."""
    tasks = [asyncio.create_task(_until_told(sender)) for sender in senders]
    try:
        yield
    finally:
        for sender in senders:
            sender.recipients = ()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _until_told(sender: Sender) -> None:
    turn = itertools.count()
    while sender.recipients:
        await sender.send(sender.recipients[next(turn) % len(sender.recipients)])
        await asyncio.sleep(PAUSE_SECONDS)
