"""The revision that the code is written for is read from file names; Alembic must agree."""

from __future__ import annotations

from alembic.script import ScriptDirectory

from notifier import schema
from notifier.paths import MIGRATIONS


def test_the_newest_file_is_the_one_and_only_head() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [schema.newest_revision()]
