"""Processes that die without a word, in the middle of everything (F1, F11)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crowd import crowd
from tests.exactness import truth
from tests.patience import until
from tests.sender import Sender, sending
from tests.site import WITHIN_T_SECONDS, injected_path, site
from tests.window import windows

# Promised are 2 s; starting Python on two cores that are busy with tests takes longer.
REPLACED_CEILING_SECONDS = 45.0


async def kill_one(processes: Callable[[], list[int]], sender: Sender) -> None:
    """Kill the first of two, and wait until another one is there and sends go on."""
    await until(lambda: len(processes()) == 2, "two of them", REPLACED_CEILING_SECONDS)
    victim = processes()[0]
    already = len(sender.confirmed)
    os.kill(victim, signal.SIGKILL)
    await until(
        lambda: len(processes()) == 2 and victim not in processes(),
        "another takes its place",
        REPLACED_CEILING_SECONDS,
    )
    await until(
        lambda: len(sender.confirmed) > already + 5, "sends go on", REPLACED_CEILING_SECONDS
    )


@pytest.mark.parametrize("kind", ["workers", "gateways"])
async def test_a_killed_process_is_replaced_and_its_windows_come_back(
    tmp_path: Path, kind: str
) -> None:
    async with site(tmp_path, gateways=2) as here:
        harry, gitau, wanjiru = await crowd(here.server, 3)
        processes: Callable[[], list[int]] = getattr(here, kind)
        sender = Sender(harry.at(here.server.port), [gitau, wanjiru])
        async with windows([gitau, wanjiru], here.ports, each=10) as opened, sending([sender]):
            await kill_one(processes, sender)
            await kill_one(processes, sender)
            sender.recipients = ()
            await until(
                lambda: all(w.live.is_set() for w in opened),
                "all windows are back",
                REPLACED_CEILING_SECONDS,
            )
            back = sum(len(window.opened) > 1 for window in opened)
            assert 0 < back < len(opened), "the others noticed nothing"
            await here.exact(opened, sender)
        assert here.server.output().count("process_ended_abnormally") == 2
        assert '"cause": "SIGKILL"' in here.server.output()


async def test_everything_killed_at_once_comes_back_exact(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        async with windows([gitau], here.ports, each=10) as opened, sending([sender]):
            await until(
                lambda: len(sender.confirmed) > 5,
                "the precondition: sends",
                REPLACED_CEILING_SECONDS,
            )
            victims = here.server.workers()
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            already = len(sender.confirmed)
            await until(
                lambda: len(sender.confirmed) > already + 5,
                "sends go on",
                REPLACED_CEILING_SECONDS,
            )
            sender.recipients = ()
            await here.exact(opened, sender, within=REPLACED_CEILING_SECONDS)


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
            for _ in range(3):
                flag.touch()
                await sender.send(gitau)
                assert not flag.exists(), "the precondition: it died between commit and publish"
            assert len(sender.unanswered) == 3
            stored = (await truth(here.server)).messages[gitau.id]
            assert [body for _, body in stored] == sender.tried, "it was committed"
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
