"""How a person wants to be told: quiet hours in their own time zone, ways by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from notifier import choices
from notifier.choices import AT_FIRST, Choices
from notifier.errors import Refused


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "quiet"),
    [
        ("2026-01-15T20:59", False),
        ("2026-01-15T21:00", True),
        ("2026-01-15T23:30", True),
        ("2026-01-16T05:59", True),
        ("2026-01-16T06:00", False),
        # Summer time: the same hours by the clock on the wall.
        ("2026-07-15T19:59", False),
        ("2026-07-15T20:00", True),
        ("2026-07-16T04:59", True),
        ("2026-07-16T05:00", False),
    ],
)
def test_quiet_hours_cross_midnight_in_the_persons_own_zone(now: str, quiet: bool) -> None:
    chosen = choices.check({}, "22:00", "07:00", "Europe/Paris")
    assert chosen.is_quiet(at(now)) is quiet


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = choices.check({}, "12:00", "13:30", "UTC")
    assert [noon.is_quiet(at(f"2026-01-15T{t}")) for t in ("11:59", "12:00", "13:30")] == [
        False,
        True,
        False,
    ]
    assert not Choices().is_quiet(at("2026-01-15T03:00"))


def test_quiet_hours_leave_only_the_cards() -> None:
    chosen = Choices(quiet=(0, 60))
    assert chosen.open_ways("message", at("2026-01-15T00:30")) == {"toast"}
    assert chosen.open_ways("message", at("2026-01-15T01:30")) == AT_FIRST


def test_a_name_without_a_row_goes_with_anything_else() -> None:
    chosen = choices.check({"*": {"sound", "nonsense"}, "message": set()}, "", "", "UTC")
    assert chosen.ways_of("kettle-boils") == {"sound"}
    assert chosen.ways_of("message") == frozenset()


@pytest.mark.parametrize(
    ("begin", "end", "zone"),
    [
        ("22:00", "", "UTC"),
        ("", "07:00", "UTC"),
        ("22:00", "22:00", "UTC"),
        ("24:00", "07:00", "UTC"),
        ("22:60", "07:00", "UTC"),
        ("ten", "07:00", "UTC"),
        ("²2:00", "07:00", "UTC"),
        ("22:00", "07:00", "Mars/Olympus"),
        ("22:00", "07:00", "../../etc/passwd"),
    ],
)
def test_what_is_no_time_is_refused(begin: str, end: str, zone: str) -> None:
    with pytest.raises(Refused):
        choices.check({}, begin, end, zone)
