"""Times as people say them, and as machines read them."""

from __future__ import annotations

import time

import pytest
from time_machine import travel

from notifier.web.rendering import exact_time, iso_time, time_ago

NOON = 1_764_000_000.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3600, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3 * 60 + 20, "3 minutes ago"),
        (59 * 60 + 59, "59 minutes ago"),
        (3600, "1 hour ago"),
        (26 * 3600, "1 day ago"),
        (13 * 86_400, "1 week ago"),
        (400 * 86_400, "1 year ago"),
    ],
)
def test_how_long_ago(seconds: int, words: str) -> None:
    with travel(NOON, tick=False):
        assert time_ago(time.time() - seconds) == words


def test_the_exact_time_names_its_zone() -> None:
    assert exact_time(NOON) == "November 24, 2025, 16:00 UTC"
    assert iso_time(NOON) == "2025-11-24T16:00:00+00:00"
