"""One timer for all that a process looks at again and again."""

from __future__ import annotations

import asyncio
import time

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
