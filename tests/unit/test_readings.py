"""What `notifier top` makes of two scrapes."""

from __future__ import annotations

from notifier.readings import LATENESS, read, row


def scrape(delivered: int, fast: int, slow: int, streams: int = 3) -> str:
    return f"""# TYPE notifier_process_up gauge
notifier_process_up{{process="web-1",door="web"}} 1
notifier_process_up{{process="web-2",door="web"}} 0
# TYPE notifier_streams gauge
notifier_streams{{process="web-1",door="web"}} {streams}
# TYPE notifier_bus_up gauge
notifier_bus_up{{process="web-1",door="web"}} 1
# TYPE notifier_events_delivered counter
notifier_events_delivered_total{{process="web-1",door="web"}} {delivered}
# TYPE {LATENESS} histogram
{LATENESS}_bucket{{process="web-1",door="web",le="0.005"}} {fast}
{LATENESS}_bucket{{process="web-1",door="web",le="1"}} {fast + slow}
{LATENESS}_bucket{{process="web-1",door="web",le="+Inf"}} {fast + slow}
{LATENESS}_sum{{process="web-1",door="web"}} 1
{LATENESS}_count{{process="web-1",door="web"}} {fast + slow}
"""


def test_rates_and_lateness_are_those_since_the_last_look() -> None:
    before = read(scrape(100, fast=0, slow=50), "alone")
    now = read(scrape(300, fast=1_000, slow=55), "alone")
    shown = row(before["web-1"], now["web-1"], 2.0)
    assert (shown.streams, shown.delivered_per_second, shown.up) == (3, 100.0, True)
    assert shown.lateness_ms == 5.0, "the fifty slow ones are history"
    assert shown.lag_ms is None
    assert not row(before["web-2"], now["web-2"], 2.0).up


def test_one_slow_event_in_ten_shows() -> None:
    before, now = read(scrape(0, 0, 0), "alone"), read(scrape(0, 9, 1), "alone")
    assert row(before["web-1"], now["web-1"], 2.0).lateness_ms == 1_000.0


def test_a_process_that_was_replaced_has_no_negative_rate() -> None:
    before, now = read(scrape(900, 0, 0), "alone"), read(scrape(5, 0, 0), "alone")
    assert row(before["web-1"], now["web-1"], 2.0).delivered_per_second == 0.0


def test_a_process_without_a_name_is_called_by_its_address() -> None:
    (name,) = read("# TYPE notifier_streams gauge\nnotifier_streams 4.0\n", "127.0.0.1:8000")
    assert name == "127.0.0.1:8000"
