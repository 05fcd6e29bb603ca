"""Whether anybody looks at the answer: a browser that fetches ahead shows it later, or never."""

from __future__ import annotations

from quart import request

# How browsers say so; the older names are still sent by some.
HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def somebody_looks() -> bool:
    """A GET by which a page is shown now: only that may count as seen or read."""
    ahead = any("prefetch" in request.headers.get(name, "").lower() for name in HEADERS)
    return request.method == "GET" and not ahead
