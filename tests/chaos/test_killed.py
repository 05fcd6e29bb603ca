"""Processes that die without a word, in the middle of everything (F1, F11)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.busyness import measured
from tests.crowd import crowd
from tests.exactness import truth
from tests.patience import until
from tests.processes import Server
from tests.sender import Sender, sending
from tests.site import WITHIN_T_SECONDS, injected_path, site
from tests.window import Window, windows

# Promised; a busy machine takes as many times longer as it takes for starting Python.
REPLACED_SECONDS = 2.0
BACK_SECONDS = 5.0
# Where nothing is promised in seconds: starting processes on two cores that are busy with tests.
CEILING_SECONDS = 90.0


def logged(server: Server, event: str) -> list[dict[str, Any]]:
    """The lines of the log that tell of `event`."""
    lines = [line for line in server.output().splitlines() if line.startswith("{")]
    return [one for one in map(json.loads, lines) if one["event"] == event]


async def kill_one(
    server: Server, processes: Callable[[], list[int]], sender: Sender, opened: list[Window]
) -> None:
    """Kill one of two: another serves in its place and the windows are back, in time."""
    await until(lambda: len(processes()) == 2, "two of them", CEILING_SECONDS)
    victim = processes()[0]
    already = len(sender.confirmed)
    served = len(logged(server, "process_ready"))
    async with measured() as busy:
        killed, killed_monotonic = time.time(), time.monotonic()
        os.kill(victim, signal.SIGKILL)
        await until(
            lambda: len(logged(server, "process_ready")) > served,
            "another takes its place",
            CEILING_SECONDS,
        )
        await until(
            lambda: all(window.live.is_set() for window in opened), "all are back", CEILING_SECONDS
        )
    serves_at = datetime.fromisoformat(logged(server, "process_ready")[-1]["timestamp"])
    assert serves_at.timestamp() - killed < REPLACED_SECONDS * busy.factor
    back = max(window.opened[-1] for window in opened) - killed_monotonic
    assert back < BACK_SECONDS * busy.factor
    assert len(processes()) == 2 and victim not in processes()
    await until(lambda: len(sender.confirmed) > already + 5, "sends go on", CEILING_SECONDS)


@pytest.mark.parametrize("kind", ["workers", "gateways"])
async def test_a_killed_process_is_replaced_and_its_windows_come_back(
    tmp_path: Path, kind: str
) -> None:
    async with site(tmp_path, gateways=2) as here:
        harry, gitau, wanjiru = await crowd(here.server, 3)
        await until(here.ready, "the precondition: all serve", CEILING_SECONDS)
        processes: Callable[[], list[int]] = getattr(here, kind)
        sender = Sender(harry.at(here.server.port), [gitau, wanjiru])
        async with windows([gitau, wanjiru], here.ports, each=10) as opened, sending([sender]):
            await kill_one(here.server, processes, sender, opened)
            await kill_one(here.server, processes, sender, opened)
            sender.recipients = ()
            back = sum(len(window.opened) > 1 for window in opened)
            assert 0 < back < len(opened), "the others noticed nothing"
            await here.exact(opened, sender, within=CEILING_SECONDS)
        ends = logged(here.server, "process_ended_abnormally")
        assert [end["cause"] for end in ends] == ["SIGKILL", "SIGKILL"]


async def test_everything_killed_at_once_comes_back_exact(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        async with windows([gitau], here.ports, each=10) as opened, sending([sender]):
            await until(
                lambda: len(sender.confirmed) > 5, "the precondition: sends", CEILING_SECONDS
            )
            victims = here.server.workers()
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            already = len(sender.confirmed)
            await until(lambda: len(sender.confirmed) > already + 5, "sends go on", CEILING_SECONDS)
            sender.recipients = ()
            await here.exact(opened, sender, within=CEILING_SECONDS)


async def test_what_was_committed_and_never_published_arrives_by_reconcile(tmp_path: Path) -> None:
    flag = tmp_path / "die"
    async with site(
        tmp_path,
        PYTHONPATH=injected_path(),
        NOTIFIER_TESTS_DIE_AFTER_COMMIT=flag,
    ) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        async with windows([gitau], here.ports, each=10) as opened:
            for times in (1, 2, 3):

                async def died(times: int = times) -> bool:
                    # One that is just being started takes no sends, and dies of none.
                    await sender.send(gitau)
                    return len(sender.unanswered) >= times and not flag.exists()

                flag.touch()
                await until(died, "one dies between commit and publish", CEILING_SECONDS)
            stored = (await truth(here.server)).messages[gitau.id]
            assert [body for _, body in stored] == sender.tried, "it was committed"
            # Those who were at a dead one come back by their own pause first.
            await here.exact(opened, sender, within=WITHIN_T_SECONDS + 3 * BACK_SECONDS)
