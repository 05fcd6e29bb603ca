"""How a person wants to be told: for each name which ways, and when nothing may make itself felt.

Quiet hours silence what reaches somebody who looks elsewhere (sound, desktop, push); a toast on a
page that is being read stays. The bell lists everything, whatever is chosen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import orjson
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import centre
from notifier.database import Database
from notifier.errors import Refused
from notifier.languages import Sentence
from notifier.models import Centre
from notifier.names import ANYTHING_ELSE, NAMES
from notifier.notifications import allot

TOAST, SOUND, DESKTOP, PUSH = "toast", "sound", "desktop", "push"
WAYS = {
    TOAST: Sentence("Card"),
    SOUND: Sentence("Sound"),
    DESKTOP: Sentence("Desktop"),
    PUSH: Sentence("Push"),
}
# Calm at first: no sound. The browser asks before it shows anything outside the page.
AT_FIRST = frozenset({TOAST, DESKTOP, PUSH})
# What quiet hours let pass.
QUIET = frozenset({TOAST})
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Choices:
    """What one person chose. Quiet hours are minutes since midnight in `time_zone`."""

    ways: Mapping[str, frozenset[str]] = field(default_factory=dict)
    quiet: tuple[int, int] | None = None
    time_zone: str = "UTC"

    def ways_of(self, name: str) -> frozenset[str]:
        """Which ways `name` may take; a name without a row of its own goes with anything else."""
        return self.ways.get(name if name in NAMES else ANYTHING_ELSE, AT_FIRST)

    def for_pages(self) -> dict[str, Any]:
        """What the pages' scripts are given: every name that is chosen for, and the hours."""
        ways = {name: sorted(self.ways_of(name)) for name in shown_names()}
        return {"ways": ways, "quiet": self.quiet, "zone": self.time_zone}

    def is_quiet(self, now: float) -> bool:
        """Whether `now` lies in the quiet hours, which may cross midnight."""
        if self.quiet is None:
            return False
        there = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.time_zone))
        minute = there.hour * 60 + there.minute
        begin, end = self.quiet
        return begin <= minute < end if begin <= end else minute >= begin or minute < end

    def open_ways(self, name: str, now: float) -> frozenset[str]:
        """Which ways `name` may take just now."""
        ways = self.ways_of(name)
        return ways & QUIET if self.is_quiet(now) else ways


@cache
def time_zones() -> list[str]:
    """Every time zone by its name, those of places first found in the system's list."""
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


def check(
    ways: Mapping[str, set[str]], quiet_from: str, quiet_until: str, time_zone: str
) -> Choices:
    """Choices as a form has them; times are `HH:MM` or "". Raises `Refused`."""
    if time_zone not in available_timezones():
        raise Refused("There is no such time zone.", field="time_zone")
    begin, end = _minute(quiet_from, "quiet_from"), _minute(quiet_until, "quiet_until")
    if (begin is None) != (end is None):
        raise Refused("Quiet hours need a beginning and an end.", field="quiet_from")
    if begin is not None and begin == end:
        raise Refused("Quiet hours must not be a whole day.", field="quiet_until")
    known = {name: frozenset(ways.get(name, set()) & WAYS.keys()) for name in shown_names()}
    return Choices(known, None if begin is None or end is None else (begin, end), time_zone)


def shown_names() -> dict[str, Sentence]:
    """The names that a person chooses for, and what they are called."""
    return {one.name: one.label for one in NAMES.values()} | {
        ANYTHING_ELSE: Sentence("Anything else")
    }


def _minute(text: str, field: str) -> int | None:
    if not text:
        return None
    # What <input type=time> sends; some browsers add seconds.
    hours, _, rest = text.partition(":")
    minutes = rest.partition(":")[0]
    if not (hours.isdecimal() and minutes.isdecimal() and len(hours) <= 2 and len(minutes) <= 2):
        raise Refused("Write the time as 22:30.", field=field)
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) >= 60 or minute >= DAY_MINUTES:
        raise Refused("Write the time as 22:30.", field=field)
    return minute


async def of(connection: AsyncConnection, person_id: int) -> Choices:
    """What a person chose."""
    return (await of_all(connection, [person_id]))[person_id]


async def of_all(connection: AsyncConnection, person_ids: list[int]) -> dict[int, Choices]:
    """What each of `person_ids` chose."""
    rows = await connection.execute(
        select(
            Centre.person_id,
            Centre.ways,
            Centre.quiet_from,
            Centre.quiet_until,
            Centre.time_zone,
        ).where(Centre.person_id.in_(person_ids))
    )
    found = {row.person_id: _choices(row) for row in rows}
    return {person_id: found.get(person_id, Choices()) for person_id in person_ids}


def _choices(row: Any) -> Choices:
    ways = {name: frozenset(chosen) for name, chosen in orjson.loads(row.ways).items()}
    quiet = None if row.quiet_from is None else (row.quiet_from, row.quiet_until)
    # A zone that this machine does not know (any more) must not keep anything from working.
    zone = row.time_zone if row.time_zone in available_timezones() else "UTC"
    return Choices(ways, quiet, zone)


async def store(database: Database, person_id: int, chosen: Choices) -> None:
    """Keep what a person chose."""
    begin, end = chosen.quiet or (None, None)
    async with database.write() as connection:
        # The person's lock, so that two forms at once make one row.
        await allot(connection, person_id, 0)
        await centre.ensure(connection, person_id)
        await connection.execute(
            update(Centre)
            .where(Centre.person_id == person_id)
            .values(
                ways=orjson.dumps({k: sorted(v) for k, v in chosen.ways.items()}).decode(),
                quiet_from=begin,
                quiet_until=end,
                time_zone=chosen.time_zone,
            )
        )
