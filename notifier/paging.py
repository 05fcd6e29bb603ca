"""One page of a list, newest first: what a page shows, and whether there is a newer or an older one.

It must never count the whole list: a page costs what it shows, however long the list is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from notifier.errors import NotFound

Item = TypeVar("Item")

# A page this deep is nobody reading: skipping rows is what it would cost.
DEEPEST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The items of page `number`, which counts from 1."""

    items: Sequence[Item]
    number: int
    has_older: bool

    @property
    def has_newer(self) -> bool:
        return self.number > 1


def page_number(text: str | None) -> int:
    """The number that `?page=` asks for; no `page` at all is the first.

    Raises `NotFound` for what is no number of a page: text, zero, negative, or absurdly deep.
    """
    if text is None or text == "":
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(DEEPEST_PAGE))):
        raise NotFound("There is no such page.")
    number = int(text)
    if not 1 <= number <= DEEPEST_PAGE:
        raise NotFound("There is no such page.")
    return number


def page_of(rows: Sequence[Item], number: int, per_page: int) -> Page[Item]:
    """The page from `per_page + 1` rows read: the extra one only tells that there is more.

    Raises `NotFound` for a page behind the last one; an empty list has one page, the first.
    """
    if not rows and number > 1:
        raise NotFound(f"There is no page {number}.")
    return Page(items=rows[:per_page], number=number, has_older=len(rows) > per_page)
