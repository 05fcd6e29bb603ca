"""A timer that the kernel keeps and a loop only hears: timerfd_create(2).

A timer of the loop's own (`call_later`) bounds each of the loop's waits, so the kernel starts and
stops a clock for every one of them, thousands of times a second in a busy process, and on a
virtual machine asks the host for it (docs/bench/profile.md). This one is started once for each
time that it rings.

By `ctypes`, until Python 3.13 is the oldest there is (`os.timerfd_create`).
"""

from __future__ import annotations

import ctypes
import math
import os
import time

_libc = ctypes.CDLL(None, use_errno=True)


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


class KernelTimer:
    """Rings once, when told to: its descriptor is readable then, until `ring_in` or `close`."""

    def __init__(self) -> None:
        flags = os.O_CLOEXEC | os.O_NONBLOCK
        self._fd = _checked(_libc.timerfd_create(time.CLOCK_MONOTONIC, flags))

    def fileno(self) -> int:
        return self._fd

    def ring_in(self, seconds: float) -> None:
        """Ring so many seconds from now, and not when it was told to before. Not zero or less."""
        fraction, whole = math.modf(seconds)
        setting = _Setting(value=_Time(int(whole), int(fraction * 1e9)))
        _checked(_libc.timerfd_settime(self._fd, 0, ctypes.byref(setting), None))

    def close(self) -> None:
        """Give the descriptor back; harmless to repeat."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
