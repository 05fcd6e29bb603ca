"""SIGHUP under load: nobody is refused, nothing is lost, the reconnects are spread (F3)."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.crowd import crowd
from tests.kept_connection import KeptConnection
from tests.patience import until
from tests.processes import Server
from tests.sender import Sender, sending
from tests.site import site
from tests.window import Window, windows

DRAIN_SECONDS = 3.0
# Three processes, each started while two senders and a crowd keep the machine busy, then drained.
ROLLED_CEILING_SECONDS = 120.0
# A retry of at most 4.5 s, and a machine that has just started three processes.
BACK_CEILING_SECONDS = 45.0


def most_in_a_second(opened: list[Window]) -> int:
    """Reconnects in the worst second."""
    times = sorted(at for window in opened for at in window.opened[1:])
    return max(sum(1 for at in times if begin <= at < begin + 1) for begin in times)


def has_rolled(server: Server, times: int) -> bool:
    return server.output().count("rolling_restart_done") == times


async def test_a_rolling_restart_refuses_nobody_and_loses_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, NOTIFIER_DRAIN_SECONDS=DRAIN_SECONDS) as here:
        harry, wanjiru, *people = await crowd(here.server, 12)
        kept = KeptConnection(wanjiru.at(here.server.port))
        senders = [Sender(harry.at(here.server.port), people), Sender(kept, people[::-1])]
        before = here.server.workers()
        async with windows(people, here.ports, each=10) as opened:
            async with sending(senders):
                await until(lambda: all(len(s.confirmed) > 5 for s in senders), "sends")
                for times in (1, 2):
                    os.kill(here.server.pid, signal.SIGHUP)
                    rolled = partial(has_rolled, here.server, times)
                    await until(rolled, "every process is a new one", ROLLED_CEILING_SECONDS)
                after = [sender.tried[-1] for sender in senders]
                await until(
                    lambda: all(
                        s.tried[-1] != last for s, last in zip(senders, after, strict=True)
                    ),
                    "sends go on",
                )
            await kept.close()
            assert kept.connections > 1, "the precondition: it was told to come again"
            assert not set(before) & set(here.server.workers())
            await until(
                lambda: all(w.live.is_set() for w in opened),
                "all windows are back",
                BACK_CEILING_SECONDS,
            )
            await here.exact(opened, *senders)
        for sender in senders:
            assert not sender.refused, sender.refused
            assert not sender.unanswered, "no request was broken off"
        assert all(len(window.opened) > 1 for window in opened), "every stream moved"
        assert not any(window.refused for window in opened)
        # Each door's half goes within its drain and comes back after 1 to 4.5 s.
        assert most_in_a_second(opened) < len(opened) * 0.6
        assert "process_ended_abnormally" not in here.server.output()


async def test_a_process_killed_while_it_is_being_replaced(tmp_path: Path) -> None:
    async with site(tmp_path, NOTIFIER_DRAIN_SECONDS=DRAIN_SECONDS) as here:
        harry, gitau = await crowd(here.server, 2)
        sender = Sender(harry.at(here.server.port), [gitau])
        before = here.server.workers()
        async with windows([gitau], here.ports, each=20) as opened:
            async with sending([sender]):
                os.kill(here.server.pid, signal.SIGHUP)
                await until(
                    lambda: "rolling_restart_begins" in here.server.output(), "the precondition"
                )
                for victim in before:
                    os.kill(victim, signal.SIGKILL)
                await until(
                    lambda: "rolling_restart_done" in here.server.output(),
                    "every process is a new one",
                    ROLLED_CEILING_SECONDS,
                )
                await until(
                    lambda: len(here.server.workers()) == len(before),
                    "as many as before, and no stray one",
                    ROLLED_CEILING_SECONDS,
                )
            await here.exact(opened, sender, within=30)


def still_there(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("replaced", [0, 1])
async def test_a_stop_in_the_middle_of_a_rolling_restart_leaves_nobody_behind(
    tmp_path: Path, replaced: int
) -> None:
    """When the new one is starting, and when the old one drains."""
    async with site(tmp_path, NOTIFIER_DRAIN_SECONDS=DRAIN_SECONDS) as here:
        (gitau,) = await crowd(here.server, 1)
        await until(here.ready, "the precondition: all serve")
        async with windows([gitau], here.ports, each=10):
            before = len(here.server.workers())
            os.kill(here.server.pid, signal.SIGHUP)
            await until(
                lambda: len(here.server.workers()) > before,
                "one more than usual",
                ROLLED_CEILING_SECONDS,
            )
            if replaced:
                await until(
                    lambda: '"draining"' in here.server.output(),
                    "an old one drains",
                    ROLLED_CEILING_SECONDS,
                )
            running = here.server.workers()
            assert len(running) > before, "the precondition: in the middle of it"
            assert here.server.process is not None
            here.server.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(ROLLED_CEILING_SECONDS):
                assert await here.server.process.wait() == 0, here.server.output()
            assert not still_there(running), "the last one out is the supervisor"
        assert "Traceback" not in here.server.output(), here.server.output()
