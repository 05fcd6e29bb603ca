"""The progress line: one line that changes on a terminal, one line a step elsewhere."""

from __future__ import annotations

import sys
import time

_began = time.monotonic()


def say(step: str) -> None:
    """What is being done now; on standard error, so that the table stands alone."""
    elapsed = time.monotonic() - _began
    text = f"[{int(elapsed) // 60:02d}:{int(elapsed) % 60:02d}] {step}"
    sys.stderr.write(f"\r\x1b[K{text}" if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()


def end() -> None:
    """Leave the progress line."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
