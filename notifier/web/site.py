"""What a view may reach: the settings, the engine, the password hashers, the limits.

One object on the app, so that nothing is global and a test can serve two apps side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from quart import current_app

from notifier.engine import Engine
from notifier.exporter import Exporter
from notifier.passwords import Passwords
from notifier.settings import Settings

if TYPE_CHECKING:
    from notifier.web.limits import Limits

EXTENSION = "notifier"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that the web app was wired with."""

    settings: Settings
    engine: Engine
    passwords: Passwords
    exporter: Exporter
    limits: Limits
    assets_version: str


def site() -> Site:
    """The site that serves this request."""
    return cast(Site, current_app.extensions[EXTENSION])
