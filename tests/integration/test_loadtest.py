"""`notifier loadtest` against one process; tests/chaos has the run against four."""

from __future__ import annotations

import json

from tests.commands import notifier
from tests.conftest import Serve
from tests.processes import free_port


async def test_a_load_test_counts_what_arrives_and_what_is_refused(serve: Serve) -> None:
    server = await serve(NOTIFIER_STREAMS_PER_PERSON=2)
    nobody = await notifier(server, "loadtest", server.url, "--messages", "1")
    assert nobody.code == 1 and "notifier seed" in nobody.output
    assert (await notifier(server, "seed", "--people", "3")).code == 0
    sizes = ("--people", "4", "--streams", "8", "--messages", "40", "--rate", "100")
    ran = await notifier(server, "loadtest", server.url, *sizes, "--json")
    assert ran.code == 0, ran.output
    figures = json.loads(ran.output.splitlines()[-1])
    assert (figures["sent"], figures["arrived"], figures["streams"]) == (40, 80, 8)
    assert figures["lost"] == figures["duplicated"] == figures["refused"] == 0
    assert 0 < figures["p50_ms"] <= figures["max_ms"]
    crowded = ("--people", "2", "--streams", "6", "--messages", "1", "--wait", "0")
    refused = await notifier(server, "loadtest", server.url, *crowded)
    assert refused.code == 1 and "too_many" in refused.output
    away = await notifier(server, "loadtest", f"http://127.0.0.1:{free_port()}")
    assert away.code == 1 and "does not answer" in away.output and "Traceback" not in away.output
