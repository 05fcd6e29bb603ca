"""One line for a stream that is over, and no flood when all of them are."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from notifier.endings import LINES_MOST, Endings
from notifier.states import Ending
from notifier.subscriber import Subscriber


def over(ending: Ending | None, began_at: float = 100.0, delivered: int = 3) -> Subscriber:
    subscriber = Subscriber(7, 1, 0, lambda: None)
    subscriber.began_at = began_at
    subscriber.gave_backlog(delivered)
    if ending is not None:
        subscriber.close(ending)
    return subscriber


@pytest.mark.parametrize("ending", [None, *Ending])
def test_a_stream_that_ends_has_a_line_with_its_age_cause_and_counts(ending: Ending | None) -> None:
    endings = Endings()
    with capture_logs() as lines:
        endings.ended(over(ending), 160.0)
    cause = "left" if ending is None else ending.value
    assert lines == [
        {
            "event": "stream_ended",
            "log_level": "info",
            "cause": cause,
            "recipient_id": 7,
            "age_seconds": 60.0,
            "delivered": 3,
            "catch_ups": 0,
        }
    ]
    assert endings.counts[cause] == 1


def test_fifteen_thousand_at_once_are_a_few_lines_that_miss_nobody() -> None:
    endings = Endings()
    with capture_logs() as lines:
        for number in range(15_000):
            endings.ended(over(Ending.DRAINED, began_at=float(number)), 20_000.0)
        endings.sum_up()
        endings.sum_up()
    assert len(lines) == LINES_MOST + 1
    last = lines[-1]
    assert last["event"] == "streams_ended"
    assert last["streams"] == last["causes"]["drained"] == 15_000 - LINES_MOST
    assert last["delivered"] == 3 * (15_000 - LINES_MOST)
    assert endings.counts["drained"] == 15_000


def test_after_the_sum_streams_have_lines_again() -> None:
    endings = Endings()
    for _ in range(LINES_MOST + 1):
        endings.ended(over(None), 160.0)
    endings.sum_up()
    with capture_logs() as lines:
        endings.ended(over(None), 160.0)
    assert [line["event"] for line in lines] == ["stream_ended"]
