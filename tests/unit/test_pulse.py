"""One timer for all that a process looks at again and again."""

from __future__ import annotations

import asyncio
import time
from unittest import mock

import pytest

from notifier.pulse import Pulse

# So often that a test need not wait.
OFTEN_SECONDS = 0.01


async def beat(pulse: Pulse) -> None:
    """Waits for the next beat, all of it: works are called in the order in which they came."""
    over = asyncio.Event()
    stop = pulse.each(lambda now: over.set())
    async with asyncio.timeout(5):
        await over.wait()
    stop()


async def test_all_that_is_to_be_done_is_done_in_one_wake() -> None:
    pulse, called = Pulse(OFTEN_SECONDS), list[tuple[str, float]]()
    before = asyncio.get_running_loop().time()
    pulse.each(lambda now: called.append(("one", now)))
    pulse.each(lambda now: called.append(("other", now)))
    await beat(pulse)
    (one, at), (other, too) = called
    assert (one, other) == ("one", "other")
    assert before <= at == too <= asyncio.get_running_loop().time()
    await beat(pulse)
    assert len(called) == 4


async def test_a_work_that_fails_keeps_no_other_from_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pulse, called = Pulse(OFTEN_SECONDS), list[float]()

    def fail(_now: float) -> None:
        raise RuntimeError("a fault of ours")

    pulse.each(fail)
    pulse.each(called.append)
    await beat(pulse)
    await beat(pulse)
    assert len(called) == 2
    assert "pulse_work_failed" in "".join(capsys.readouterr())


async def test_what_was_stopped_is_not_called_and_without_work_nothing_wakes() -> None:
    pulse, called = Pulse(OFTEN_SECONDS), list[float]()
    stop = pulse.each(called.append)
    await beat(pulse)
    stop()
    stop()
    await beat(pulse)
    assert len(called) == 1
    assert pulse._timer is None
    pulse.each(called.append)
    await beat(pulse)
    assert len(called) == 2, "and it begins again"


async def test_who_waits_is_woken_by_the_last_beat_before_it_would_be_late() -> None:
    loop, pulse = asyncio.get_running_loop(), Pulse(0.05)
    began = loop.time()
    await pulse.wait(0.2)
    assert loop.time() - began > 0.14
    # Less than to the next beat: that one, for there is none before.
    await pulse.wait(0.001)
    assert pulse._timer is None, "and without anybody nothing wakes"


async def test_who_waits_no_longer_is_forgotten() -> None:
    pulse = Pulse(OFTEN_SECONDS)
    waiting = asyncio.create_task(pulse.wait(60))
    await asyncio.sleep(0)
    assert len(pulse._waiting) == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert pulse._waiting == []
    assert pulse._timer is None


async def test_the_loop_has_no_timer_while_it_beats() -> None:
    loop, pulse, waits = asyncio.get_running_loop(), Pulse(OFTEN_SECONDS), list[float | None]()
    selector = loop._selector  # type: ignore[attr-defined]
    select, over = selector.select, asyncio.Event()

    def noting(timeout: float | None) -> object:
        waits.append(timeout)
        return select(timeout)

    def look(_now: float) -> None:
        if len(waits) > 5:
            over.set()

    with mock.patch.object(selector, "select", noting):
        pulse.each(look)
        await over.wait()
    # 0 where something is to be done at once, a time where there is a timer.
    assert None in waits
    assert [wait for wait in waits if wait] == []


async def test_it_tells_how_late_the_process_gets_to_its_work() -> None:
    pulse, kept_seconds = Pulse(OFTEN_SECONDS), 0.2
    await beat(pulse)
    beats = sum(pulse.lag.counts)
    assert beats == 1
    late_before = pulse.lag.total
    # Something keeps the loop from its timers.
    pulse.each(lambda now: None)
    end = time.monotonic() + kept_seconds
    while time.monotonic() < end:
        pass
    await beat(pulse)
    assert pulse.lag.total - late_before >= kept_seconds - 2 * OFTEN_SECONDS
