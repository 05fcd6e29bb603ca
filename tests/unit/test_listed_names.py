"""What the notification centre lists: every name in words, whatever a program puts into it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notifier import names
from notifier.models.notifications import OTHERS
from notifier.names import MESSAGE, UNLISTED


def test_the_query_leaves_out_what_the_centre_does_not_list() -> None:
    # The condition stands in an index too, so it is text; it must not fall behind.
    assert set(re.findall(r"'(\w+)'", OTHERS)) == UNLISTED | {MESSAGE}


@pytest.mark.parametrize("name", [*names.NAMES, "kettle-boils", "a.b_c"])
@pytest.mark.parametrize(
    "payload",
    [None, 0, True, 1e300, "", "text", [], [1], {}, {"title": 1, "text": [], "link": {}},
     {"percent": "x"}, {"percent": True}, {"percent": -5}, {"from": 1, "body": None},
     {"title": "t" * 9999, "text": "x" * 9999, "link": "/" + "y" * 9999}],
)  # fmt: skip
def test_no_payload_breaks_a_line(name: str, payload: Any) -> None:
    line = names.known(name).line(payload)
    assert 0 < len(line.title) <= 250
    assert len(line.text) <= 200


@pytest.mark.parametrize(
    "link", ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)", "x"]
)
def test_a_notification_never_leads_to_another_site(link: str) -> None:
    for name in ("announcement", "anything"):
        assert names.known(name).line({"link": link}).link == ""
    assert names.known("anything").line({"link": "/user/harry"}).link == "/user/harry"
