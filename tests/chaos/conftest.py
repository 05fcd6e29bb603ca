"""Everything here is marked `chaos`: scripts/chaos runs it, scripts/test does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import RedisServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.chaos)


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """The Redis of all tests; whoever uses it takes a channel prefix of their own."""
    return redis.url
