"""Text as people count and compare it: cleaned once at the door, measured in characters they see.

It must never change what somebody wrote beyond what cannot be seen: line ends and composed forms.
"""

from __future__ import annotations

import unicodedata

import regex

from notifier.errors import Refused

# One visible character can be many code points: a family emoji has 7 to 11, a flag up to 14. Text
# with more than this many for each visible one is not language but a pile of combining marks.
CODE_POINTS_PER_CHARACTER = 16

_CLUSTER = regex.compile(r"\X")
# C0 and C1 controls but line feed and tab; lone surrogates, which no UTF-8 can carry; noncharacters.
_FORBIDDEN = regex.compile(r"[[\p{Cc}--[\n\t]]\p{Cs}\uFFFE\uFFFF]", flags=regex.VERSION1)
# What leaves no ink: white space, format characters, the blank letters that pass for text.
_INKLESS = regex.compile(r"[\s\p{Z}\p{C}\u115F\u1160\u2800\u3164\uFFA0\u034F\uFE00-\uFE0F]*")


def clean(value: str) -> str:
    """Line ends as one line feed, letters in their composed form (NFC), no white space around it.

    Raises `Refused` for control characters: nobody typed them and no page can show them.
    """
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if _FORBIDDEN.search(value):
        raise Refused("There are control characters in this text. Please take them out.")
    return unicodedata.normalize("NFC", value).strip()


def length(value: str) -> int:
    """How many characters a person sees: an emoji of several code points is one."""
    return sum(1 for _ in _CLUSTER.finditer(value))


def is_blank(value: str) -> bool:
    """Whether nothing of it can be seen."""
    return _INKLESS.fullmatch(value) is not None


def checked(value: str, limit: int, *, may_be_blank: bool = False) -> str:
    """The cleaned text, if it says something within `limit` characters; else raises `Refused`."""
    # Measured first in the cheap unit, so that a megabyte is never taken apart into characters.
    if len(value) > limit * CODE_POINTS_PER_CHARACTER:
        raise Refused(f"This text is too long: at most {limit} characters.")
    value = clean(value)
    if is_blank(value):
        if may_be_blank:
            return ""
        raise Refused("Please write something.")
    if (count := length(value)) > limit:
        raise Refused(f"This text has {count} characters: at most {limit} will go.")
    return value
