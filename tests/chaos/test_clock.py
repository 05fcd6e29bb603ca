"""The wall clock jumps, both ways: timers, sign-ins and order do not (F19)."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from tests.crowd import Somebody, crowd
from tests.patience import until
from tests.person import Person
from tests.site import WITHIN_T_SECONDS, injected_path, site
from tests.window import Window, windows

HOUR_SECONDS = 3_600
# How far a clock may seem off that was asked over a busy machine.
ABOUT_SECONDS = 60


async def clock_is_off_by(seconds: float, sender: Person, recipient: Somebody) -> bool:
    """Whether a message that is sent now carries such a time."""
    answer = await sender.request(
        "POST",
        f"/send_message/{recipient.username}",
        fields={"message": "what time is it?"},
        headers={"Accept": "application/json"},
    )
    assert answer.status == 201, answer.text
    return abs(float(answer.json["sent_at"]) - time.time() - seconds) < ABOUT_SECONDS


async def all_beat(opened: list[Window]) -> None:
    """One more heartbeat in every window."""
    before = [len(window.events) for window in opened]

    def more() -> bool:
        return all(len(w.events) > count for w, count in zip(opened, before, strict=True))

    await until(more, "heartbeats go on in every window")


async def test_an_hour_forward_and_back_changes_nothing_for_anybody(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    async with site(
        tmp_path,
        PYTHONPATH=injected_path(),
        NOTIFIER_TESTS_CLOCK=clock,
        NOTIFIER_HEARTBEAT_SECONDS=1,
    ) as here:
        someone, gitau = await crowd(here.server, 2)
        harry, reader = someone.at(here.server.port), gitau.at(here.server.port)
        # Who signs in while the clock is ahead has a cookie from the future afterwards.
        wanjiru = Person(here.server.port, "wanjiru")
        await wanjiru.register()
        async with windows([gitau], here.ports, each=10) as opened:
            for hours in (1, -1, 0):
                clock.write_text(str(hours * HOUR_SECONDS))
                for _ in range(len(here.workers())):

                    async def jumped(off: float = hours * HOUR_SECONDS) -> bool:
                        return await clock_is_off_by(off, harry, gitau)

                    await until(jumped, "the clock has jumped")
                if hours == 1:
                    answer = await wanjiru.sign_in()
                    assert not answer.location.startswith("/login"), answer.text
                await all_beat(opened)
                await here.exact(opened)
                for person in (reader, wanjiru):
                    assert (await person.get("/")).status == 200, "still signed in"
            # With the bus away only reconcile's timer brings anything.
            here.network.cut()
            await harry.send(reader, "by the timer")
            await here.exact(opened, within=WITHIN_T_SECONDS)
        assert all(len(window.opened) == 1 for window in opened), "no stream ended"
        rows = await reader.notifications("after=0")
        sequences = [row["sequence"] for row in rows]
        assert sequences == sorted(sequences)
        times = [row["timestamp"] for row in rows]
        assert all(a <= b for a, b in itertools.pairwise(times)), "time never goes back"
        assert times[-1] > time.time() + HOUR_SECONDS - 600, "the precondition: it was ahead"
