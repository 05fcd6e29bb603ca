"""The figures of all processes at one address, and those who look at them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.commands import notifier
from tests.exchange import request
from tests.patience import until
from tests.person import Person
from tests.proc import is_a
from tests.processes import RedisServer, Server, free_port, running

TOKEN = [("Authorization", "Bearer only for the tests")]


async def test_every_process_is_seen_at_one_address(tmp_path: Path, redis: RedisServer) -> None:
    port = free_port()
    server = Server(
        tmp_path,
        *("--workers", "1", "--gateways", "1", "--gateway-bind", f"127.0.0.1:{free_port()}"),
        REDIS_URL=redis.url,
        NOTIFIER_CHANNEL_PREFIX="watched",
        NOTIFIER_METRICS_BIND=f"127.0.0.1:{port}",
        NOTIFIER_METRICS_TOKEN="only for the tests",
    )
    async with running(server):
        assert (await request(port, "GET", "/metrics")).status == 401
        assert (await request(port, "GET", "/", TOKEN)).status == 404

        async def says(line: str) -> bool:
            answer = await request(port, "GET", "/metrics", TOKEN)
            assert answer.status == 200
            return line in answer.text

        up = "notifier_process_up"
        await until(lambda: says(f'{up}{{process="web-1",door="web"}} 1'), "the web process")
        await until(lambda: says(f'{up}{{process="gateway-1",door="gateway"}} 1'), "the gateway")
        person = Person(server.port, "harry")
        await person.register()
        assert (await person.sign_in()).status == 303
        async with person.stream():
            await until(
                lambda: says('notifier_streams{process="web-1",door="web"} 1.0'), "the stream"
            )
        await until(
            lambda: says('notifier_streams_ended_total{process="web-1",door="web",cause="left"} 1'),
            "its end",
        )
        await until(lambda: '"event": "stream_ended"' in server.output(), "its line in the log")
        await person.submit("/login", username="harry", password="not this one")
        await until(
            lambda: says('notifier_sign_ins_refused_total{process="web-1",door="web",cause="pass'),
            "the refusal",
        )
        shown = await notifier(server, "top", "--once", "--interval", "0.2")
        assert shown.code == 0, shown.output
        assert "web-1" in shown.output and "gateway-1" in shown.output
        os.kill(_web_process(server), signal.SIGKILL)
        ended = "notifier_process_ended_abnormally_total"
        await until(
            lambda: says(f'{ended}{{process="web-1",door="web"}} 1'), "an end nobody asked for"
        )
        await until(lambda: says('notifier_process_up{process="web-1",door="web"} 1'), "the next")


def _web_process(server: Server) -> int:
    for pid in server.workers():
        if is_a("web", pid):
            return pid
    raise AssertionError("no web process")


async def test_top_says_what_to_do_and_what_does_not_answer(tmp_path: Path) -> None:
    server = Server(tmp_path)
    nowhere = await notifier(server, "top", "--once")
    assert nowhere.code == 1 and "NOTIFIER_METRICS_BIND" in nowhere.output
    away = await notifier(server, "top", "--once", "--interval", "0.2", f"127.0.0.1:{free_port()}")
    assert away.code == 1 and "does not answer" in away.output
