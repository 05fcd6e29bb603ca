"""What makes exports in a web process: it looks for them now and then, and at once when asked."""

from __future__ import annotations

import asyncio
import random

import structlog

from notifier import exports
from notifier.engine import JITTER, Engine
from notifier.errors import Unavailable

log = structlog.get_logger("notifier.exporter")

# An export that waits longer has lost the process that was asked for it.
LOOK_SECONDS = 15.0


class Exporter:
    """Makes one export after another, as long as the process runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def look(self) -> None:
        """Somebody has just asked for one."""
        self._asked.set()

    async def stop(self) -> None:
        """What is under way is left to another process, or to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def work_off(self) -> int:
        """Make every export that waits; how many."""
        made = 0
        engine = self._engine
        while (claim := await exports.take_up(engine.database)) is not None:
            making = exports.Making(
                engine.database,
                engine.publish,
                claim,
                kept_most=engine.settings.kept_notifications,
            )
            try:
                await making.make()
            except exports.Lost:
                continue
            made += 1
        return made

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            try:
                await self.work_off()
            except Unavailable as error:
                log.warning("export_put_off", reason=str(error))
            except Exception:
                # A fault of ours with one export must not end those of others.
                log.exception("export_failed")
            pause = LOOK_SECONDS * random.uniform(1 - 2 * JITTER, 1)
            try:
                async with asyncio.timeout(pause):
                    await self._asked.wait()
            except TimeoutError:
                pass
