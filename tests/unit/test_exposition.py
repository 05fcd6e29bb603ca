"""The figures of many processes in one text that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from notifier.exposition import Watched, merged
from notifier.figures import SECONDS_BOUNDS, Histogram

ONE = """# HELP notifier_streams Streams open now
# TYPE notifier_streams gauge
notifier_streams 3.0
# HELP notifier_streams_ended_total Streams that are over, by cause
# TYPE notifier_streams_ended_total counter
notifier_streams_ended_total{cause="left"} 2.0
"""


def watched(name: str, ended: int = 0) -> Watched:
    return Watched(name, name.partition("-")[0], "", lambda: ended)


def samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["process"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_each_family_is_there_once_and_each_sample_has_its_process() -> None:
    text = merged([(watched("web-1"), ONE), (watched("gateway-1", 4), ONE)])
    families = [family.name for family in text_string_to_metric_families(text)]
    assert len(families) == len(set(families))
    found = samples(text)
    assert found["notifier_streams", "gateway-1"] == found["notifier_streams", "web-1"] == 3
    assert found["notifier_streams_ended_total", "web-1"] == 2
    assert found["notifier_process_ended_abnormally_total", "gateway-1"] == 4
    assert 'notifier_streams_ended_total{process="web-1",door="web",cause="left"} 2.0' in text


def test_a_process_that_says_nothing_is_down_and_hides_no_other() -> None:
    found = samples(merged([(watched("web-1"), ""), (watched("web-2"), ONE)]))
    assert found["notifier_process_up", "web-1"] == 0
    assert found["notifier_process_up", "web-2"] == 1
    assert found["notifier_streams", "web-2"] == 3


def test_a_histogram_counts_each_time_in_its_bucket() -> None:
    seen = Histogram()
    for seconds in (0.0, SECONDS_BOUNDS[0], 0.2, 1e9, -1.0):
        seen.seen(seconds)
    buckets = dict(seen.cumulative())
    assert buckets[str(SECONDS_BOUNDS[0])] == 3
    assert buckets["0.25"] == 4
    assert buckets["+Inf"] == 5
