"""What a watchdog makes of what a connection hears, beat for beat."""

from __future__ import annotations

import pytest

from notifier.redis_watchdog import (
    CANARY_AWAY_SECONDS,
    CANARY_EACH_SECONDS,
    SILENCE_MAX_SECONDS,
    Finding,
    Watchdog,
)

# What an operator is promised.
NOTICED_SECONDS = 5.0
ASK, DEAF, SILENT, TELL, WELL = (
    Finding.ASK,
    Finding.DEAF,
    Finding.SILENT,
    Finding.TELL,
    Finding.WELL,
)


def beats(watchdog: Watchdog, *heard: bool, mute: bool = False) -> list[Finding]:
    """What it finds at each of so many beats."""
    return [watchdog.beat(heard=one, mute=mute) for one in heard]


def test_the_canary_goes_out_at_once_and_then_at_every_second_beat() -> None:
    watchdog = Watchdog(1.0)
    found = []
    for _ in range(6):
        found += beats(watchdog, True)
        watchdog.came_home()
    assert found == [TELL, WELL, TELL, WELL, TELL, WELL]


def test_in_silence_it_asks_unless_the_canary_goes_out_anyway() -> None:
    watchdog = Watchdog(1.0)
    assert beats(watchdog, True) == [TELL]
    watchdog.came_home()
    # The canary was all that was heard.
    assert beats(watchdog, True, False) == [WELL, TELL]
    watchdog.came_home()
    assert beats(watchdog, False) == [ASK]


def test_who_says_nothing_whatever_is_asked_is_dead() -> None:
    assert beats(Watchdog(1.0), True, False, False, False) == [TELL, ASK, ASK, SILENT]


def test_a_sign_of_life_begins_the_silence_anew() -> None:
    watchdog = Watchdog(1.0)
    beats(watchdog, True)
    watchdog.came_home()
    found = beats(watchdog, False, False, True, False, False)
    assert SILENT not in found


def test_who_hears_others_and_not_itself_is_deaf() -> None:
    assert beats(Watchdog(1.0), True, True, True) == [TELL, WELL, DEAF]


def test_a_canary_of_which_nobody_can_know_yet_is_waited_for() -> None:
    """Redis says nothing at all: it may bring the canary with the rest, or is dead."""
    watchdog = Watchdog(1.0)
    assert beats(watchdog, True, False, False) == [TELL, ASK, ASK]
    watchdog.came_home()
    assert beats(watchdog, True) == [TELL]


def test_who_can_publish_nothing_goes_on_trying_and_is_not_deaf() -> None:
    watchdog = Watchdog(1.0)
    assert beats(watchdog, *[True] * 6, mute=True) == [TELL, WELL] * 3
    assert beats(watchdog, True, True) == [TELL, WELL], "from now on it is waited for"
    assert beats(watchdog, True, mute=True) == [TELL], "no longer"
    assert beats(watchdog, *[False] * 3, mute=True) == [ASK, TELL, SILENT]


def test_a_canary_that_may_not_have_left_is_not_waited_for() -> None:
    watchdog = Watchdog(1.0)
    assert beats(watchdog, True, mute=True) == [TELL]
    assert beats(watchdog, True, True, True, True) == [WELL, TELL, WELL, DEAF]


@pytest.mark.parametrize("beat_seconds", [1.0, 0.4, 0.3, 0.05])
def test_whatever_happens_is_noticed_in_time_and_not_before(beat_seconds: float) -> None:
    """The worst case: the last thing that was heard came right after a beat."""
    seconds = {}
    for finding, heard in ((DEAF, True), (SILENT, False)):
        watchdog = Watchdog(beat_seconds)
        beats(watchdog, True)
        watchdog.came_home()
        found = beats(watchdog, True, *[heard] * 200)
        seconds[finding] = (found.index(finding) + 1) * beat_seconds
    assert SILENCE_MAX_SECONDS <= seconds[SILENT] < NOTICED_SECONDS
    assert CANARY_EACH_SECONDS + CANARY_AWAY_SECONDS <= seconds[DEAF] < NOTICED_SECONDS
