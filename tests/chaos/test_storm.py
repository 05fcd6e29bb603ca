"""Everybody's stream drops at once, and everybody returns at once (F16)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.crowd import crowd
from tests.patience import until
from tests.sender import Sender
from tests.site import NO_RECONCILE_SECONDS, site
from tests.window import windows

PEOPLE = 100
# All of them are back, on two cores that play both sides.
BACK_CEILING_SECONDS = 90.0
# Look-ups and backlogs share their queries; one each would be 2 and more.
QUERIES_A_STREAM = 1.0


async def test_two_thousand_streams_drop_and_return_at_once(tmp_path: Path) -> None:
    async with site(
        tmp_path,
        workers=1,
        # Timers ask the table too; what is counted here is the storm.
        NOTIFIER_RECONCILE_SECONDS=NO_RECONCILE_SECONDS,
    ) as here:
        harry, *people = await crowd(here.server, PEOPLE + 1)
        sender = Sender(harry.at(here.server.port), people)
        web, gateway = here.ports
        async with (
            windows(people, [web], each=8) as at_web,
            windows(people, [gateway], each=13) as at_gateway,
        ):
            opened = at_web + at_gateway
            assert len(opened) > 2_000
            for person in people[:20]:
                await sender.send(person)
            await here.exact(opened, sender)
            before = {
                port: await here.figure(port, "database_queries_total") for port in here.ports
            }
            for window in opened:
                # Worse than any browser: no pause at all.
                window.source.retry_milliseconds = 0
                window.drop()
            await asyncio.gather(*(sender.send(person) for person in people[20:30]))
            await until(
                lambda: all(len(w.opened) > 1 and w.live.is_set() for w in opened),
                "all of them are back",
                BACK_CEILING_SECONDS,
            )
            await here.exact(opened, sender)
            for port, here_opened in ((web, at_web), (gateway, at_gateway)):
                asked = await here.figure(port, "database_queries_total") - before[port]
                streams = sum(len(window.opened) - 1 for window in here_opened)
                assert asked < QUERIES_A_STREAM * streams + 300, f"{asked} for {streams} streams"
            assert not any(window.refused for window in opened), "nobody was refused"
            assert not sender.refused and not sender.unanswered
