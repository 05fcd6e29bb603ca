"""What tests lean on: servers, Redis, people and browsers, all real."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
from playwright.async_api import Browser, async_playwright

# Hooks and fixtures that pytest finds here by their names.
from tests.crowd import newcomers
from tests.databases import database_of_servers as database_of_servers
from tests.databases import pytest_addoption as pytest_addoption
from tests.databases import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.doors import DOOR_NAMES, Door, Doors, open_doors
from tests.person import Person
from tests.processes import PostgresServer, RedisServer, Server, running

_numbers = itertools.count(1)


class Serve(Protocol):
    """Starts a server of the test's own: `await serve("--workers", "2", REDIS_URL=...)`."""

    def __call__(self, *options: str, **settings: object) -> Awaitable[Server]: ...


class People(Protocol):
    """New people who are signed in: `harry, gitau = await people("harry", "gitau")`."""

    def __call__(self, *names: str, on: Server = ...) -> Awaitable[list[Person]]: ...


class Guests(Protocol):
    """As `People`, for who uses both doors: `harry, gitau = await guests("harry", "gitau")`."""

    def __call__(self, *names: str) -> Awaitable[list[Person]]: ...


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that did not run is one that failed, whatever made it stay out."""
    _no_skips(report)


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """So is a whole file of them."""
    _no_skips(report)


def _no_skips(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed here: {report.longrepr}"


@pytest.fixture(scope="session")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    """One Redis for all tests of this run; a test that harms it starts one of its own."""
    async with running(RedisServer(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """One PostgreSQL for all tests of this run; each takes a database of its own."""
    async with running(PostgresServer()) as server:
        yield server
    server.remove()


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One process with nothing else; shared, so a test takes people of its own and leaves it be."""
    async with running(Server(tmp_path_factory.mktemp("server"))) as server:
        yield server
    assert "Traceback" not in server.output(), server.output()


@pytest.fixture
async def serve(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(*options: str, **settings: object) -> Server:
            server = Server(tmp_path_factory.mktemp("server"), *options, **settings)
            return await stack.enter_async_context(running(server))

        yield start


@pytest.fixture(scope="session")
async def doors(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Doors]:
    """Both doors of one installation; shared, so a test leaves them as they were."""
    folder = functools.partial(tmp_path_factory.mktemp, "doors")
    async with open_doors(folder, redis.url) as doors:
        yield doors
        for door in (doors.web, doors.gateway):
            assert "Traceback" not in door.program.output(), door.program.output()


@pytest.fixture(params=DOOR_NAMES)
def door(doors: Doors, request: pytest.FixtureRequest) -> Door:
    """Each of the two doors in turn."""
    return doors.named(request.param)


@pytest.fixture
def guests(doors: Doors) -> Guests:
    async def signed_in(*names: str) -> list[Person]:
        return await _joined(doors.server, names)

    return signed_in


@pytest.fixture
def people(server: Server) -> People:
    async def signed_in(*names: str, on: Server = server) -> list[Person]:
        return await _joined(on, names)

    return signed_in


async def _joined(server: Server, names: tuple[str, ...]) -> list[Person]:
    # A shared server remembers the people of other tests.
    return await newcomers(server, [f"{name}{next(_numbers)}" for name in names])


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """A real browser; each person in a test takes a context of their own."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "Chromium is missing: scripts/test installs it"
    # Chromium's sandbox refuses to run as root.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=options)
        yield browser
        await browser.close()
