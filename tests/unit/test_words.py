"""The words of the README's glossary, and no others for the same things."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

# What others call our things, as far as the word can mean nothing else here: a `client` may be
# Redis', a `connection` the database's, a `channel` is Redis' own word, and TCP and HTTP keep
# connections alive.
OTHER_WORDS = {
    "publication": "event",
    "outbox": "notification",
    "topic": "name",
    "backplane": "bus",
    "broker": "bus",
    "connection_manager": "hub",
    "consumer": "subscriber",
    "history": "backlog",
    "replay": "catch up",
    "anti_entropy": "reconcile",
    "position_sync": "reconcile",
    "rotation": "stream age",
    "graceful_shutdown": "drain",
}


def defined(path: Path) -> Iterator[str]:
    """Every name that a file gives to something."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words(name: str) -> str:
    """`_some_name_` for someName, SomeName, SOME_NAME and some_name."""
    return f"_{re.sub('(?<=[a-z0-9])(?=[A-Z])', '_', name).lower().strip('_')}_"


def test_each_thing_has_one_word() -> None:
    wrong = [
        f"{path.relative_to(CHECKOUT)}: {name}, which we call {ours}"
        for path in sorted((CHECKOUT / "notifier").rglob("*.py"))
        for name in defined(path)
        for other, ours in OTHER_WORDS.items()
        if f"_{other}_" in words(name)
    ]
    assert wrong == []


def test_the_glossary_of_the_readme_is_complete() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    for word in (
        "event", "notification", "name", "sequence", "last event id", "recipient", "bus", "hub",
        "subscriber", "stream", "door", "live", "behind", "backlog", "catch up", "reconcile",
        "mailbox", "slow consumer", "heartbeat", "stream age", "drain", "signal", "reset",
    ):  # fmt: skip
        assert re.search(rf"^\| \*\*[^|]*\b{word}\b", readme, re.MULTILINE), word
