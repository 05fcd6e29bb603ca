"""Server-Sent Events: the bytes of a stream. Pure; what is sent when is decided elsewhere.

The format is the WHATWG HTML standard's, section 9.2 (server-sent events): fields are lines,
an empty line ends an event, and CR, LF and CRLF all end a line. So a text is split at each of
them, and every part gets its own `data:` line; NUL would make a browser ignore an `id`.
"""

from __future__ import annotations

import random
import re

from notifier.events import SEQUENCE_MAX

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

PING = b"event: ping\ndata: {}\n\n"
RESET = b"event: reset\ndata: {}\n\n"
SIGNED_OUT = b"event: signed_out\ndata: {}\n\n"

# Browsers come back after a random pause in this range, so that a restart is no stampede.
RETRY_MIN_MS = 1_000
RETRY_MAX_MS = 4_500
# A person with too many streams polls instead; the browser's own retry is kept this far away.
TOO_MANY_RETRY_MS = 300_000
TOO_MANY = b"retry: %d\n\nevent: too_many\ndata: {}\n\n" % TOO_MANY_RETRY_MS

# What shows whether a proxy holds streams back: two pieces this far apart, for everybody who asks.
# It stands below /stream so that a proxy treats it as one.
PROBE_PATH = "/stream/probe"
PROBE_SECONDS = 1.0
# Of one process at once; nobody needs more, and it costs no sign-in.
PROBES_MOST = 20

# One repetition only: with `0*` before it, 30 KB of zeros and a letter would take seconds.
_NUMBER = re.compile(r"([+-]?)([0-9]+)")
# 2**63 - 1 has 19 digits.
SEQUENCE_MAX_DIGITS = 19
_LINE_END = re.compile(r"\r\n|\r|\n")
_FORBIDDEN_IN_FIELD = re.compile(r"[\r\n\0]")


def frame(data: str, *, event: str | None = None, event_id: str | None = None) -> bytes:
    """One event, whatever text it carries.

    `data` may hold any text; a conforming reader gets it back with its line ends as LF.
    Raises `ValueError` if `event` or `event_id` holds CR, LF or NUL.
    """
    lines = []
    for name, value in (("id", event_id), ("event", event)):
        if value is None:
            continue
        if _FORBIDDEN_IN_FIELD.search(value):
            raise ValueError(f"{name} holds a line end or NUL")
        lines.append(f"{name}: {value}")
    lines.extend(f"data: {line}" for line in _LINE_END.split(data))
    return ("\n".join(lines) + "\n\n").encode()


def retry(milliseconds: int | None = None) -> bytes:
    """The `retry` field; at random when no pause is given."""
    if milliseconds is None:
        milliseconds = int(random.uniform(RETRY_MIN_MS, RETRY_MAX_MS))
    return b"retry: %d\n\n" % milliseconds


def cursor(sequence: int) -> bytes:
    """Moves a browser's last event id without an event: an `id` alone (section 9.2.6)."""
    return b"id: %d\n\n" % sequence


def parse_cursor(value: str | None) -> int | None:
    """The cursor in a `Last-Event-ID` or `?last_event_id=`; None for one that is no number.

    A number that no sequence can be (negative, above 2**63 - 1) gives -1: it is not of this
    log, so the stream answers `reset`.
    """
    match = _NUMBER.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    # Longer than any 64-bit number: int() on 60 KB of digits would cost time for nothing.
    if match[1] or len(digits) > SEQUENCE_MAX_DIGITS:
        return -1
    number = int(digits)
    return number if number <= SEQUENCE_MAX else -1
