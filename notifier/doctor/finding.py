"""What a check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How a thing is; the value is its mark on a terminal."""

    GOOD = "ok"
    NOTE = "note"
    WRONG = "WRONG"


@dataclass(frozen=True)
class Finding:
    """How `what` is, in a few words, and what to do about it unless it is good."""

    state: State
    what: str
    found: str
    cure: str = ""


def good(what: str, found: str) -> Finding:
    return Finding(State.GOOD, what, found)


def note(what: str, found: str, cure: str) -> Finding:
    return Finding(State.NOTE, what, found, cure)


def wrong(what: str, found: str, cure: str) -> Finding:
    return Finding(State.WRONG, what, found, cure)


# What several machines may differ by: people see times by the minute, and sign-ins last for days,
# but the lateness in the metrics is a difference between two machines' clocks.
SKEW_MAX_SECONDS = 1.0


def clock(what: str, their_time: float, our_time: float) -> Finding:
    """Whether another machine's clock agrees with ours."""
    skew = their_time - our_time
    if abs(skew) <= SKEW_MAX_SECONDS:
        return good(what, "agrees with this machine's")
    way = "ahead of" if skew > 0 else "behind"
    return wrong(
        what,
        f"is {abs(skew):,.1f} s {way} this machine's",
        "Let every machine keep time by NTP (timedatectl set-ntp true).",
    )
