"""The alerts and the dashboard, asked of a real Prometheus that scrapes the running app."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.commands import notifier
from tests.exchange import request
from tests.patience import until
from tests.processes import Program, RedisServer, Server, environment, free_port, running

DEPLOY = Path(__file__).parents[2] / "deploy"
OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"
# Scraped every second; a rate takes two of them, and the machine is busy.
FIGURES_CEILING_SECONDS = 60.0


async def promtool(*arguments: object) -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: scripts/stories installs it"
    process = await asyncio.create_subprocess_exec(
        found,
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_rules_and_their_examples_hold() -> None:
    await promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    await promtool("check", "rules", DEPLOY / "prometheus" / "alerts.yml")
    await promtool("test", "rules", DEPLOY / "prometheus" / "alerts_test.yml")


def alerts() -> list[str]:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    return re.findall(r"alert: (\w+)", text)


def test_operating_says_of_each_alert_what_to_do() -> None:
    headings = re.findall(r"^### (\w+)$", OPERATING.read_text(), re.MULTILINE)
    assert set(alerts()) <= set(headings)


class Prometheus(Program):
    """Debian's, scraping one address every second."""

    def __init__(self, folder: Path, target: str) -> None:
        super().__init__(folder)
        self.port = free_port()
        shipped = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        own = shipped.replace("15s", "1s").replace("- 127.0.0.1:9465", "")
        own = own.replace("127.0.0.1:9464", target)
        (folder / "prometheus.yml").write_text(own)
        shutil.copy(DEPLOY / "prometheus" / "alerts.yml", folder)

    async def start(self) -> None:
        found = shutil.which("prometheus")
        assert found, "prometheus is missing: scripts/stories installs it"
        await self.launch(
            found,
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            env=environment(),
        )

    async def ask(self, path: str) -> Any:
        self.alive()
        try:
            answer = await request(self.port, "GET", path)
        except ConnectionError:
            return None
        return answer.json["data"] if answer.status == 200 else None

    async def query(self, expression: str) -> list[Any]:
        data = await self.ask(f"/api/v1/query?query={quote(expression)}")
        assert data is not None, expression
        result = data["result"]
        assert isinstance(result, list)
        return result


@pytest.fixture(scope="module")
async def prometheus(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Prometheus]:
    target = f"127.0.0.1:{free_port()}"
    server = Server(
        tmp_path_factory.mktemp("server"),
        *("--workers", "1", "--gateways", "1", "--gateway-bind", f"127.0.0.1:{free_port()}"),
        REDIS_URL=redis.url,
        NOTIFIER_CHANNEL_PREFIX="scraped",
        NOTIFIER_METRICS_BIND=target,
    )
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), target)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(server))
        stack.push_async_callback(prometheus.stop)
        await prometheus.start()
        assert (await notifier(server, "seed", "--people", "2")).code == 0
        load = ("--people", "4", "--streams", "8", "--messages", "300", "--rate", "30")
        ran = await notifier(server, "loadtest", server.url, *load)
        assert ran.code == 0, ran.output

        async def scraped() -> bool:
            data = await prometheus.ask("/api/v1/query?query=notifier_process_up")
            return data is not None and len(data["result"]) == 2

        await until(scraped, "both processes are scraped", FIGURES_CEILING_SECONDS)
        yield prometheus


def expressions() -> list[str]:
    """Every expression of the dashboard, with Grafana's variables as Grafana fills them in."""
    dashboard = json.loads((DEPLOY / "grafana" / "notifier.json").read_text())
    found = itertools.chain.from_iterable(panel["targets"] for panel in dashboard["panels"])
    return [
        target["expr"]
        .replace("$instance", ".*")
        .replace("$process", ".*")
        .replace("$__rate_interval", "1m")
        for target in found
    ]


async def test_every_panel_of_the_dashboard_shows_something(prometheus: Prometheus) -> None:
    for expression in expressions():

        async def has_figures(asked: str = expression) -> list[Any]:
            return await prometheus.query(asked)

        await until(has_figures, expression, FIGURES_CEILING_SECONDS)
    (late,) = await prometheus.query(
        "histogram_quantile(0.5, sum by (le) (rate(notifier_event_lateness_seconds_bucket[5m])))"
    )
    assert 0 < float(late["value"][1]) < 1


async def test_no_alert_asks_for_what_is_not_there_and_none_is_raised(
    prometheus: Prometheus,
) -> None:
    data = await prometheus.ask("/api/v1/rules")
    rules = [rule for group in data["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in rules] == alerts()

    async def evaluated() -> bool:
        found = await prometheus.ask("/api/v1/rules")
        states = [rule["health"] for group in found["groups"] for rule in group["rules"]]
        return set(states) == {"ok"}

    await until(evaluated, "every rule was evaluated", FIGURES_CEILING_SECONDS)
    for name in sorted(set(re.findall(r"\b(?:notifier|process)_\w+", _all(rules)))):
        assert await prometheus.query(name), f"{name} is in an alert, and nobody says it"
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    assert firing == []


def _all(rules: list[dict[str, Any]]) -> str:
    # Labels that processes are told apart by are no figures.
    return "\n".join(re.sub(r'\{[^}]*\}|by \([^)]*\)|"[^"]*"', "", rule["query"]) for rule in rules)
