"""The commands that are more than some lines, each in a module of its own.

As in `cli.py`, a command imports what it needs when it runs.
"""

from __future__ import annotations

from notifier import logs
from notifier.settings import Settings


def configured() -> Settings:
    """The settings of a command, whose logs are set up by now."""
    settings = Settings.load()
    logs.configure(development=settings.development)
    return settings
