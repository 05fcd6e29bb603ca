"""Text that people write: what may be in it and how long it is, as people count.

Used by every place that stores text, so that a form, a JSON client and a script are told the
same.
"""

from __future__ import annotations

import unicodedata

import regex

from notifier.errors import Refused

# One character to a reader may be many code points (a family emoji has eleven, a flag of
# Scotland seven). Beyond this it is no writing but a pile of combining marks.
CHARACTER_MAX_CODE_POINTS = 24
# An average over a text: what bounds the bytes that a text of n characters can take.
TEXT_CODE_POINTS_PER_CHARACTER = 12

_CHARACTER = regex.compile(r"\X")
# Controls but tab and line feed, lone surrogates, and the two code points that are no characters
# at the end of the basic plane. Directional overrides stay: <bdi> keeps them harmless.
_NOT_TEXT = regex.compile(r"[\p{Cc}--[\t\n]]|\p{Cs}|[\uFFFE\uFFFF]", regex.V1)
# White space and what shows nothing: joiners, variation selectors, fillers, the blank Braille cell.
_BLANK = regex.compile(r"[\s\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]*")


def count_characters(text: str) -> int:
    """How many characters a reader sees (extended grapheme clusters, Unicode annex 29)."""
    return sum(1 for _ in _CHARACTER.finditer(text))


def clean(text: str, *, most: int, what: str, field: str, least: int = 1) -> str:
    """`text` in the form in which it is stored: NFC, line ends as LF, trimmed.

    `least` and `most` are in characters as a reader counts them. Raises `Refused` with a
    sentence about `what` (such as `Sentence("A message")`) when the text is blank, too long, or
    holds what is no text.
    """
    # Before anything costs time: a megabyte need not be normalised to be refused.
    if len(text) > most * TEXT_CODE_POINTS_PER_CHARACTER + CHARACTER_MAX_CODE_POINTS:
        raise Refused(
            "%(what)s can be at most %(most)s characters long.", field=field, what=what, most=most
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _NOT_TEXT.search(text):
        raise Refused("%(what)s cannot hold control characters.", field=field, what=what)
    text = unicodedata.normalize("NFC", text).strip()
    if least and _BLANK.fullmatch(text):
        raise Refused("%(what)s cannot be empty.", field=field, what=what)
    lengths = _lengths(text)
    if len(lengths) > most:
        raise Refused(
            "%(what)s can be at most %(most)s characters long; this has %(length)s.",
            field=field,
            what=what,
            most=most,
            length=len(lengths),
        )
    if max(lengths, default=0) > CHARACTER_MAX_CODE_POINTS:
        raise Refused("%(what)s piles too many marks on one character.", field=field, what=what)
    return text


def _lengths(text: str) -> list[int]:
    """How many code points each character of a cleaned text has."""
    if text.isascii():
        # Without a carriage return no two of them make one; most texts need no more than this.
        return [1] * len(text)
    return [len(match[0]) for match in _CHARACTER.finditer(text)]
