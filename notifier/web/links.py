"""Addresses in what people write become links: http and https only, all else stays text.

A library (linkify-it) would also link bare domains and mail addresses, in another way than any
script in the page; these few lines have a twin in static/js/links.js, which must find the same.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import regex
from markupsafe import Markup, escape

# Up to white space, a quote, an angle bracket or anything invisible: a mark that turns the
# direction of writing could make an address look like another.
_ADDRESS = regex.compile(r"\bhttps?://[^\s<>\"\p{Cf}]+", regex.IGNORECASE)
# What ends a sentence is no part of the address in it.
_TRAILING = ".,;:!?'…»”’*_"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
REL = "noopener noreferrer nofollow ugc"


def linked(text: str) -> Markup:
    """`text` as markup, its addresses as links."""
    parts: list[Markup] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        address = without_sentence_end(match[0])
        if not _leads_somewhere(address):
            continue
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<a href="{0}" rel="{1}" target="_blank">{0}</a>').format(address, REL))
        end = match.start() + len(address)
    parts.append(escape(text[end:]))
    return Markup("").join(parts)


def without_sentence_end(address: str) -> str:
    """`address` without the signs after it; a bracket stays if it was opened inside."""
    while address:
        last = address[-1]
        opening = _BRACKETS.get(last)
        closes_nothing = opening and address.count(last) > address.count(opening)
        if last not in _TRAILING and not closes_nothing:
            break
        address = address[:-1]
    return address


def _leads_somewhere(address: str) -> bool:
    """Whether there is a host, and no name before it that poses as one."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
