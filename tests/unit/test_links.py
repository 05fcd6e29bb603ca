"""Addresses become links, and nothing that somebody writes becomes markup."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest

from notifier.web.links import REL, linked
from tests.unit.links import EXAMPLES


class Read(HTMLParser):
    """The text of some markup, and its links."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.words, self.links, self.tags = "", list[dict[str, str | None]](), set[str]()
        # Plain text: a `Markup` would escape again whatever is made of it.
        self.feed(str(markup))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(("text", "addresses"), EXAMPLES)
def test_addresses_become_links_and_all_else_stays_text(text: str, addresses: list[str]) -> None:
    read = Read(linked(text))
    assert read.words == text
    assert read.tags <= {"a"}
    assert [link["href"] for link in read.links] == addresses
    assert all(link["rel"] == REL for link in read.links)


def test_a_link_cannot_break_out_of_its_attribute() -> None:
    markup = linked("https://example.org/'onclick='x&quot;onmouseover=\"y\"")
    read = Read(markup)
    assert set(read.links[0]) == {"href", "rel", "target"}
    assert unescape(read.words).startswith("https://example.org/")
