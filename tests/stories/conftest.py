"""Everything here is marked `story`: scripts/stories runs it, scripts/test does not."""

from __future__ import annotations

from pathlib import Path

import pytest

# The windows are the same as in the everyday tests.
from tests.browser.conftest import browser_of as browser_of

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.story)
