"""docs/faults.md names tests that are there, and leaves no fault without one."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
TABLE = CHECKOUT / "docs" / "faults.md"
# As they were listed: a few numbers were never given.
NUMBERS = {f"F{n}" for n in range(1, 24) if n not in {18, 20}} | {
    f"A{n}" for n in range(1, 21) if n != 17
}
LINK = re.compile(r"\]\(\.\./(tests/[\w/]+\.py)#(test_\w+)\)")


def test_every_number_has_a_test() -> None:
    rows = re.findall(r"^\| ([FA]\d+) \| (.+)$", TABLE.read_text(), re.MULTILINE)
    assert {number for number, _ in rows} == NUMBERS
    assert len(rows) == len(NUMBERS), "each of them once"
    assert [number for number, row in rows if not LINK.search(row)] == []


def test_every_test_that_is_named_is_there() -> None:
    named = LINK.findall(TABLE.read_text())
    assert named, "the precondition: the links are read"
    missing = []
    for file, name in named:
        path = CHECKOUT / file
        found = path.exists() and re.search(rf"^(async )?def {name}\(", path.read_text(), re.M)
        if not found:
            missing.append(f"{file}::{name}")
    assert missing == []
