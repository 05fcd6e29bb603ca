"""Two machines and one database: one of them is cut off, misses nothing and delays nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crowd import crowd
from tests.exactness import exact
from tests.exchange import request
from tests.machines import Host, allowed, hosts
from tests.patience import until
from tests.processes import PostgresServer, RedisServer, running
from tests.sender import Sender, sending
from tests.window import windows

RECONCILE_SECONDS = 2.0
# Longer than the app waits for its database, so that connections are dead and known to be.
DATABASE_SECONDS = 2.0
BACK_CEILING_SECONDS = 20.0
# scripts/chaos says so where it is proxies only.
KINDS = ["namespaces", "proxies"] if allowed() else ["proxies"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[tuple[RedisServer, PostgresServer]]:
    """Redis and PostgreSQL on the machine that the others reach over the network."""
    (tmp_path / "redis").mkdir()
    redis = RedisServer(tmp_path / "redis", "--bind", "0.0.0.0", "--protected-mode", "no")
    postgres = PostgresServer(listen="0.0.0.0", trusted="198.19.0.0/16")
    async with running(redis), running(postgres):
        yield redis, postgres
    postgres.remove()


async def ready(host: Host) -> bool:
    ports = (host.server.port, host.gateway_port)
    return all([(await request(port, "GET", "/readyz")).status == 200 for port in ports])


async def says_that_it_is_cut_off(host: Host) -> bool:
    for port in (host.server.port, host.gateway_port):
        answer = await request(port, "GET", "/readyz")
        if answer.status != 503 or not ("database" in answer.text and "bus" in answer.text):
            return False
    return True


@pytest.mark.parametrize("kind", KINDS)
async def test_a_host_that_is_cut_off_and_comes_back_is_exact(
    tmp_path: Path, store: tuple[RedisServer, PostgresServer], kind: str
) -> None:
    settings = {
        "NOTIFIER_RECONCILE_SECONDS": RECONCILE_SECONDS,
        "NOTIFIER_DATABASE_TIMEOUT_SECONDS": DATABASE_SECONDS,
        "NOTIFIER_STREAMS_PER_PERSON": 1_000,
    }
    redis, postgres = store
    async with hosts(tmp_path, redis, postgres, kind, **settings) as (cut, well):
        harry, wanjiru, *others = await crowd(well.server, 5)
        ports = [port for host in (cut, well) for port in (host.server.port, host.gateway_port)]
        there = Sender(harry.at(well.server.port), others)
        here = Sender(wanjiru.at(cut.server.port), others)
        async with windows(others, ports, each=2) as opened:
            async with sending([there]):
                for sender in (here, there):
                    for somebody in others:
                        await sender.send(somebody)
                assert len(here.confirmed) == len(others), "the precondition: both hosts send"
                cut.cut_off()
                already = len(there.confirmed)
                refused = await here.send(others[0])
                assert refused is not None
                assert refused.status == 503, "nothing is promised that cannot be kept"
                await until(
                    lambda: len(there.confirmed) > already + 20, "the other host goes on", 20
                )
                await until(
                    lambda: says_that_it_is_cut_off(cut), "it says so itself", BACK_CEILING_SECONDS
                )
                assert await ready(well)
                cut.bring_back()
                await until(lambda: ready(cut), "it is back", BACK_CEILING_SECONDS)
                await here.send(others[0])
            await exact(well.server, opened, [here, there], within=BACK_CEILING_SECONDS)
        assert not there.refused
        assert len(here.confirmed) == len(others) + 1
        for host in (cut, well):
            assert "Traceback" not in host.server.output(), host.server.output()
