"""Which database the tests run on: `--database=postgresql` takes a real server for every test.

A test that is about SQLite itself (its files, its lock) is marked `sqlite` and left out there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import PostgresServer, Server

OPTION = "--database"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION,
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what servers and engines of the tests keep their data in [default: sqlite]",
    )


def on_postgresql(config: pytest.Config) -> bool:
    """Whether this run is one on PostgreSQL."""
    return bool(config.getoption(OPTION) == "postgresql")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not on_postgresql(config):
        return
    left_out = [item for item in items if item.get_closest_marker("sqlite")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def database_of_servers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every `Server` that names no database takes one of the PostgreSQL of this run."""
    if not on_postgresql(request.config):
        yield
        return
    postgres = request.getfixturevalue("postgres")
    assert isinstance(postgres, PostgresServer)
    Server.postgres = postgres
    yield
    Server.postgres = None
