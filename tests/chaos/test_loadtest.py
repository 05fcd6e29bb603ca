"""`notifier loadtest` against four processes whose streams live for seconds only."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import notifier
from tests.site import site


async def test_four_processes_lose_nothing_while_streams_come_and_go(tmp_path: Path) -> None:
    async with site(tmp_path, workers=3, gateways=1, NOTIFIER_STREAM_AGE_SECONDS=5) as four:
        assert (await notifier(four.server, "seed", "--people", "18")).code == 0
        load = ("--people", "20", "--streams", "200", "--messages", "600", "--rate", "50")
        for door in ("", f"{four.server.url}/stream"):
            at = ("--stream-url", door) if door else ()
            ran = await notifier(four.server, "loadtest", four.server.url, *load, *at, "--json")
            assert ran.code == 0, ran.output
            figures = json.loads(ran.output.splitlines()[-1])
            assert (figures["sent"], figures["lost"], figures["streams"]) == (600, 0, 200)
            assert figures["reconnects"] > 0, "the precondition: streams did end"
