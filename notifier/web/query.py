"""What stands after the `?` or in a field: numbers, checked before anybody counts with them."""

from __future__ import annotations

import re

from quart import request

from notifier.errors import BadRequest, NotFound
from notifier.events import SEQUENCE_MAX
from notifier.pages import PAGE_MOST, Page

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
# Seconds since the epoch for the next three thousand years, with what a float can hold behind it.
_SECONDS = re.compile(r"[0-9]{1,11}(\.[0-9]{1,20})?", re.ASCII)

# More messages than any screen shows.
NUMBERS_MOST = 200
# More people than any screen shows.
PEOPLE_MOST = 50


def page_number() -> int:
    """The number in `?page=`, 1 without one. Raises `NotFound` for what is no number of a page."""
    given = request.args.get("page", "1")
    if not _NUMBER.fullmatch(given) or not 1 <= int(given) <= PAGE_MOST:
        raise NotFound("There is no such page.")
    return int(given)


def people_named() -> list[str]:
    """The names in `?people=a,b`. Raises `BadRequest` for more than `PEOPLE_MOST`."""
    names = [name for name in request.args.get("people", "").split(",") if name]
    if len(names) > PEOPLE_MOST:
        raise BadRequest("At most %(most)s people at a time.", most=PEOPLE_MOST)
    return names


def existing(page: Page) -> Page:
    """`page`, unless it lies behind the last one: then `NotFound`. An empty list has one page."""
    if page.number > 1 and not page.items:
        raise NotFound(
            "There is no page %(number)s: the list is shorter than that.", number=page.number
        )
    return page


def after() -> int | None:
    """The sequence in `?after=`, None without one. Raises `BadRequest`."""
    given = request.args.get("after")
    if given is None:
        return None
    if not _NUMBER.fullmatch(given) or int(given) > SEQUENCE_MAX:
        raise BadRequest("`after` must be a sequence: a whole number from 0 on.")
    return int(given)


def since() -> float:
    """The time in `?since=`, 0 without one. Raises `BadRequest`."""
    given = request.args.get("since", "0")
    if not _SECONDS.fullmatch(given):
        raise BadRequest("`since` must be a time: seconds since 1970, such as 1764000000.123.")
    return float(given)


def message_number(name: str) -> int | None:
    """The number of a message in the query, None without one. Raises `BadRequest`."""
    given = request.args.get(name)
    return None if given is None else _message(given, name)


async def message_numbers(name: str) -> list[int]:
    """The numbers of messages in a form's field, commas between them. Raises `BadRequest`."""
    given = (await request.form).get(name, "")
    if given.count(",") >= NUMBERS_MOST:
        raise BadRequest("`%(name)s` holds too many messages.", name=name)
    return [_message(one.strip(), name) for one in given.split(",")]


def _message(given: str, name: str) -> int:
    if not _NUMBER.fullmatch(given) or not 0 < int(given) <= SEQUENCE_MAX:
        raise BadRequest("`%(name)s` must be the number of a message.", name=name)
    return int(given)
