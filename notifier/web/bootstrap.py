"""The part of Bootstrap's stylesheet that our pages can use: an eighth of it.

A rule stays when every class in its selector is a word somewhere in our templates, scripts or
views, so a class counts as soon as it is written; one put together from parts would not be seen.
It must never change a rule, nor the order of two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from notifier.paths import BOOTSTRAP, STATIC, TEMPLATES

WHOLE = BOOTSTRAP / "css" / "bootstrap.min.css"
WORD = re.compile(r"[A-Za-z][\w-]*")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
# What must not match says nothing about what is needed.
NOT = re.compile(r":not\((?:[^()]|\([^()]*\))*\)")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Between the selectors of one rule; a comma in brackets belongs to a selector.
COMMA = re.compile(r",(?![^()]*\))")
HOLDS_RULES = ("@media", "@supports")


def used_part() -> str:
    """Bootstrap's rules for the classes that our files name at this moment."""
    return _part(max(path.stat().st_mtime_ns for path in _naming()))


@lru_cache(maxsize=4)
def _part(edited: int) -> str:
    words = {word for path in _naming() for word in WORD.findall(path.read_text())}
    return _trimmed(COMMENT.sub("", WHOLE.read_text()), words)


def _naming() -> Iterator[Path]:
    yield from TEMPLATES.rglob("*.html")
    yield from (STATIC / "js").rglob("*.js")
    yield from Path(__file__).parent.glob("*.py")


def _trimmed(css: str, words: set[str]) -> str:
    kept = []
    for head, body in _rules(css):
        if head.startswith(HOLDS_RULES):
            body = _trimmed(body, words)
        elif not head.startswith("@"):
            needed = [one for one in COMMA.split(head) if words.issuperset(_classes(one))]
            head, body = ",".join(needed), body if needed else ""
        if body:
            kept.append(f"{head}{{{body}}}")
    return "".join(kept)


def _classes(selector: str) -> list[str]:
    return CLASS.findall(NOT.sub("", selector))


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Each head with what stands between its braces."""
    start = depth = opened = 0
    for brace in re.finditer(r"[{}]", css):
        if brace[0] == "{":
            depth += 1
            if depth == 1:
                opened = brace.end()
        else:
            depth -= 1
            if depth == 0:
                yield css[start : opened - 1].strip(), css[opened : brace.start()]
                start = brace.end()
