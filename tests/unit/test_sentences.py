"""No sentence that people are shown stands anywhere but where a catalogue can be made of it."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment

from notifier.paths import STATIC, TEMPLATES
from scripts.languages import PYTHON, PYTHON_CALLS

# Attributes that are read out or shown.
SHOWN = {"aria-label", "title", "placeholder", "alt", "aria-description"}
# Names, and what is the same everywhere.
NO_SENTENCES = {"Notifier"}
# A block of a tag's attributes looks like text where it is filled.
ATTRIBUTE = re.compile(r'[a-z-]+="[^"]*"')
# So does one of a page's own scripts.
SCRIPT = re.compile(r"\bjs/[a-z_/]+\.js\b")
WORD = re.compile(r"[A-Za-z]{2,}")
# Calls in scripts that put words on a page.
SETS_WORDS = re.compile(
    r"""(?:textContent|title|placeholder|ariaLabel)\s*=\s*["'`][^"'`]*[A-Za-z]{2}"""
    r"""|setAttribute\(\s*["'](?:aria-label|title|placeholder)["'],\s*["'`][^"'`]*[A-Za-z]{2}"""
)


class _Words(HTMLParser):
    """Words that stand in the markup itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self._note(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SHOWN or (tag == "meta" and name == "description"):
                self._note(value or "")

    def _note(self, text: str) -> None:
        text = SCRIPT.sub("", ATTRIBUTE.sub("", text)).strip(" \n·")
        if WORD.search(text) and text not in NO_SENTENCES:
            self.found.append(text)


def markup(path: Path) -> str:
    """The template without what Jinja makes of it, and without what `trans` translates."""
    kept, translating = [], False
    tokens = list(Environment(extensions=["jinja2.ext.i18n"]).lex(path.read_text()))
    for place, (_line, kind, value) in enumerate(tokens):
        if kind == "name" and value in {"trans", "endtrans"}:
            before = next(t for t in reversed(tokens[:place]) if t[1] != "whitespace")
            if before[1] == "block_begin":
                translating = value == "trans"
        if kind == "data" and not translating:
            kept.append(value)
    return "".join(kept)


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.relative_to(TEMPLATES).as_posix()) for p in TEMPLATES.rglob("*.html")],
)
def test_a_template_says_nothing_past_the_catalogue(path: Path) -> None:
    words = _Words()
    words.feed(markup(path))
    assert words.found == []


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def test_sentences_in_python_are_written_out() -> None:
    """A call with an f-string would look for a sentence that no catalogue can hold."""
    wrong = [
        f"{path.name}:{call.lineno}"
        for path in PYTHON.rglob("*.py")
        for call in calls(path)
        if isinstance(call.func, ast.Name)
        and call.func.id in {*PYTHON_CALLS, "flash"}
        and call.args
        and (
            isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
            or (call.func.id == "flash" and isinstance(call.args[0], ast.Constant))
        )
    ]
    assert wrong == []


def test_scripts_put_no_words_on_a_page_past_the_catalogue() -> None:
    wrong = [
        f"{path.relative_to(STATIC)}: {found[0]}"
        for path in sorted((STATIC / "js").rglob("*.js"))
        for found in SETS_WORDS.finditer(path.read_text())
    ]
    assert wrong == []
