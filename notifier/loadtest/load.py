"""How much load a run makes, and on whom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """`people` demo people with `streams` windows between them; `messages` at `rate` a second."""

    people: int = 20
    streams: int = 100
    messages: int = 500
    rate: float = 50.0
    # After the last send: a reconcile period (15 s) and a little, the latest that anything is.
    wait_seconds: float = 20.0
    password: str = ""
    # A file of certificates to trust, for a site that is being tried out.
    authority: str = ""
    # Where streams are; "" for where the pages say.
    stream_url: str = ""
