"""Going away in good order: no new streams, the open ones end spread over a window."""

from __future__ import annotations

import asyncio
import os
import random
import signal

from notifier.engine import Engine
from notifier.states import Ending
from notifier.subscriber import Subscriber

# The window is cut into at most this many steps.
STEPS_MOST = 200


async def drain(engine: Engine, *, seconds: float) -> None:
    """Turn not ready, then end every stream at a random moment within `seconds`.

    A stream that joins meanwhile (its request was under way) is ended in the last step.
    """
    engine.draining = True
    waiting: list[Subscriber] = list(engine.hub)
    random.shuffle(waiting)
    steps = max(1, min(STEPS_MOST, len(waiting)))
    share = -(-len(waiting) // steps)
    if seconds and waiting:
        for _ in range(steps):
            for subscriber in waiting[:share]:
                subscriber.close(Ending.DRAINED)
            del waiting[:share]
            await asyncio.sleep(seconds / steps)
    for subscriber in list(engine.hub):
        subscriber.close(Ending.DRAINED)


def drain_on_sigterm(engine: Engine) -> None:
    """Make SIGTERM drain before the server hears of it.

    A server installs its own handlers before it starts the app, and has no way of telling the
    app that it is about to close everything. So SIGTERM becomes ours, and when the streams have
    ended the server gets the SIGINT that it handles in the same way.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def go() -> None:
        await drain(engine, seconds=engine.settings.drain_seconds)
        os.kill(os.getpid(), signal.SIGINT)

    def begin() -> None:
        if not tasks:
            tasks.add(loop.create_task(go()))

    loop.add_signal_handler(signal.SIGTERM, begin)
