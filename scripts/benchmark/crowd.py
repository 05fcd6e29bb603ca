"""The crowd: the client's side of every stream of one door.

A stream here does as little as it can: it sends one request, checks the head, and looks for
sequences in what comes, stamping each with the monotonic clock (shared by all processes of a
machine). What it all means is worked out after the run, by `tally`.
"""

from __future__ import annotations

import errno
import re
import socket
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable

from benchmark.loop import READ, WRITE, Loop

# A sequence stands last in the JSON of an event, ours and the peers' alike.
SEQUENCE = re.compile(rb'"sequence":(\d+)\}')
# What a stream may say instead of going on; each is a failure here.
REFUSALS = re.compile(rb"event: (reset|too_many|signed_out)\n")
READ_BYTES = 65536
# Bytes of an unfinished line to keep; the longest event the feeds make is well below.
TAIL_BYTES = 8192
# Streams come from this many addresses of 127.0.0.0/8: one address has only 28,000 ports, of
# which each closed stream keeps one for a minute, and the gateway limits streams per address.
SOURCE_ADDRESSES = 200
NEW, CONNECTING, HEAD, LIVE, ENDED = range(5)

# The bytes of a GET for a person (numbered from 0) whose cursor is given.
Request = Callable[[int, int], bytes]


class Stream:
    """One browser's stream: a socket, a cursor, and the unfinished line."""

    __slots__ = ("_crowd", "_socket", "_tail", "cursor", "person", "state")

    def __init__(self, crowd: Crowd, person: int, cursor: int) -> None:
        self._crowd = crowd
        self.person = person
        self.cursor = cursor
        self.state = NEW
        self._tail = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def connect(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        self._socket.bind((f"127.0.1.{1 + self.person % SOURCE_ADDRESSES}", 0))
        self.state = CONNECTING
        self._tail = b""
        error = self._socket.connect_ex(self._crowd.address)
        if error in (0, errno.EINPROGRESS):
            self._crowd.loop.hold(self, WRITE)
        else:
            self.close()
            self._crowd.failed(errno.errorcode.get(error, str(error)))

    def close(self) -> None:
        self._crowd.loop.release(self)
        self._socket.close()
        self.state = ENDED

    def ready(self, mask: int) -> None:
        if self.state == CONNECTING:
            self._send_request()
            return
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(errno.errorcode.get(error.errno or 0, "error"))
            return
        if not data:
            self._end("closed by the server")
        elif self.state == LIVE:
            self._receive(data)
        else:
            self._receive_head(data)

    def _send_request(self) -> None:
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._end(errno.errorcode.get(error, str(error)))
            return
        # Below the send buffer's size by far, so a fresh socket takes it whole.
        self._socket.send(self._crowd.request(self.person, self.cursor))
        self.state = HEAD
        self._crowd.loop.change(self, READ)

    def _receive_head(self, data: bytes) -> None:
        head, end, body = (self._tail + data).partition(b"\r\n\r\n")
        if not end:
            self._tail = head
            return
        self._tail = b""
        status = head[9:12].decode("latin-1")
        if status != "200":
            self._end(f"status {status}")
            return
        self.state = LIVE
        self._crowd.became_live()
        if body:
            self._receive(body)

    def _receive(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self._tail:
            data = self._tail + data
            self._tail = b""
        seen = self._crowd.seen(self, data, now)
        if not data.endswith(b"\n"):
            # A line was cut: its sequence comes with the rest of it.
            self._tail = data[data.rfind(b"\n") + 1 :][-TAIL_BYTES:]
            if seen and SEQUENCE.search(self._tail):
                self._tail = b""
        if not seen and (refusal := REFUSALS.search(data)):
            self._end(refusal[1].decode())

    def _end(self, reason: str) -> None:
        was_live = self.state == LIVE
        self.close()
        self._crowd.failed(reason, was_live=was_live)


class Crowd:
    """All streams of one door, and the log of what they saw."""

    def __init__(
        self, loop: Loop, address: tuple[str, int], request: Request, cursors: list[int]
    ) -> None:
        self.loop = loop
        self.address = address
        self.request = request
        self.streams = [Stream(self, person, cursor) for person, cursor in enumerate(cursors)]
        self._waiting: deque[Stream] = deque()
        self._pending = 0
        self.live = 0
        self.failures: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        """Drop the log of what was seen."""
        self.persons = array("I")
        self.sequences = array("Q")
        self.times_ns = array("q")

    def seen(self, stream: Stream, data: bytes, now: int) -> bool:
        """Log every sequence in `data`; whether there was one."""
        found = SEQUENCE.findall(data)
        for digits in found:
            sequence = int(digits)
            stream.cursor = sequence
            self.persons.append(stream.person)
            self.sequences.append(sequence)
            self.times_ns.append(now)
        return bool(found)

    def became_live(self) -> None:
        self.live += 1
        self._pending -= 1
        self._connect_next()

    def failed(self, reason: str, *, was_live: bool = False) -> None:
        self.failures[reason] += 1
        if was_live:
            self.live -= 1
        else:
            self._pending -= 1
            self._connect_next()

    def connect(self, at_once: int, ceiling: float) -> float:
        """Open every closed stream, `at_once` in flight; seconds until the last was live.

        One that fails is not tried again: a door that refuses must be seen to refuse.
        """
        self._waiting.extend(s for s in self.streams if s.state in (NEW, ENDED))
        self._pending = len(self._waiting)
        began = time.monotonic()
        for _ in range(at_once):
            self._connect_next()
        self.loop.run_until(lambda: self._pending == 0, ceiling)
        if self._pending:
            self.failures["no answer"] += self._pending
            self._waiting.clear()
        return time.monotonic() - began

    def _connect_next(self) -> None:
        if self._waiting:
            self._waiting.popleft().connect()

    def drop(self) -> None:
        """Close every stream at once, as a network that goes away does."""
        for stream in self.streams:
            if stream.state not in (NEW, ENDED):
                stream.close()
        self.live = 0
