"""Whether a connection to Redis still hears: silence, and a canary that must come home.

Pure: no I/O, no loop and no clock. It counts the beats of the process's pulse and not seconds: a
process that stood still itself has missed nothing, and what Redis said meanwhile is read right
after its one late beat.
"""

from __future__ import annotations

import math
from enum import Enum

# After so much silence, though asked for a sign of life, a connection is dead.
SILENCE_MAX_SECONDS = 3.0
# The process tells itself something so often: each costs it three wakes, in which it does nothing
# else (its own beat, Redis' answer, and the canary), so not at every beat.
CANARY_EACH_SECONDS = 2.0
# One that is not home after so much, on a connection that hears other things, never will be. With
# the above, four seconds pass at most until it is noticed; an operator is promised five.
CANARY_AWAY_SECONDS = 2.0


class Finding(Enum):
    """What is to be done at a beat."""

    WELL = "well"
    # Ask Redis for a sign of life.
    ASK = "ask"
    # Publish the canary.
    TELL = "tell"
    # The connection is over: nothing is heard, or not what this process publishes.
    SILENT = "silent"
    DEAF = "deaf"


class Watchdog:
    """Watches one connection of a listener, from when it has subscribed to everything."""

    def __init__(self, beat_seconds: float) -> None:
        self._silence_most = math.ceil(SILENCE_MAX_SECONDS / beat_seconds)
        self._canary_each = math.ceil(CANARY_EACH_SECONDS / beat_seconds)
        self._canary_away = math.ceil(CANARY_AWAY_SECONDS / beat_seconds)
        # Beats without a sign of life, one after the other.
        self._silent = 0
        # Beats since the canary was published last; the first beat publishes it.
        self._since = self._canary_each
        # Whether it is waited for.
        self._away = False

    def came_home(self) -> None:
        """The canary was heard."""
        self._away = False

    def beat(self, *, heard: bool, mute: bool) -> Finding:
        """A beat has come. `heard` tells whether Redis has said anything since the last one, and
        `mute` whether nothing can be published now, when no canary can tell anything."""
        self._silent = 0 if heard else self._silent + 1
        self._since += 1
        self._away = self._away and not mute
        if self._silent >= self._silence_most:
            return Finding.SILENT
        if self._away and heard and self._since >= self._canary_away:
            return Finding.DEAF
        if not self._away and self._since >= self._canary_each:
            self._since = 0
            self._away = not mute
            return Finding.TELL
        return Finding.WELL if heard else Finding.ASK
