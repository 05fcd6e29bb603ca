"""Whether anybody looks at the answer: a browser that fetches ahead shows it later, or never, and
another site that puts our address into a picture shows it to nobody."""

from __future__ import annotations

from quart import request

from notifier.web.origin import OUR_FETCH_SITES

# How browsers say so; the older names are still sent by some.
HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def somebody_looks() -> bool:
    """A GET by which a page is shown now: only that may count as seen or read."""
    ahead = any("prefetch" in request.headers.get(name, "").lower() for name in HEADERS)
    ours = request.headers.get("Sec-Fetch-Site", "none") in OUR_FETCH_SITES
    return request.method == "GET" and ours and not ahead
