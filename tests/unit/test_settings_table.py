"""The README's table of settings is complete, and its defaults are the true ones."""

from __future__ import annotations

import re
from pathlib import Path

from notifier.settings import Settings

README = Path(__file__).parents[2] / "README.md"
# | `NAME` | default | what it does |
ROW = re.compile(r"^\| `([A-Z_]+)` \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def table() -> dict[str, str]:
    return {name: default.strip(" `") for name, default, _ in ROW.findall(README.read_text())}


def settings() -> dict[str, object]:
    """The settings by the names that people set, with their defaults."""
    return {
        field.alias or f"NOTIFIER_{name.upper()}": field.default
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_in_the_table_and_no_other() -> None:
    assert set(table()) == set(settings())


def test_the_defaults_are_the_true_ones() -> None:
    for name, default in settings().items():
        told = table()[name].replace(",", "").replace("\u202f", "")
        if default in ("", None):
            assert told in {"none", "required"}, name
        elif isinstance(default, int | float):
            assert float(told) == float(default), name
        else:
            assert told == str(default), name
