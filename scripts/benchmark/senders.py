"""The senders: kept-alive connections on which one message is posted after the other."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter, deque
from urllib.parse import urlencode

from benchmark.crowd import READ_BYTES, Crowd, Stream
from benchmark.loop import READ, Loop

# Every message begins with its number in seven digits, by which it is known when it arrives.
NUMBER = re.compile(rb'"body":"(\d{7}) ')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TEXT = "{number:07d} Shall we meet at noon by the old bridge? Bring the maps."
# What each way must be answered with; 302 says the same as 303 to every browser.
ANSWERS = {"form": (b"302", b"303"), "json": (b"201",)}


class Inboxes(Crowd):
    """The recipients' streams; they also note which message arrived when."""

    def forget(self) -> None:
        super().forget()
        self.arrivals: list[tuple[int, int, int]] = []

    def seen(self, stream: Stream, data: bytes, now: int) -> bool:
        for number in NUMBER.findall(data):
            self.arrivals.append((stream.person, int(number), now))
        return super().seen(stream, data, now)


class Sender:
    """One connection: the next message, whoever writes it, as soon as the last one is answered."""

    def __init__(self, office: Office, way: str) -> None:
        self._office = office
        self._way = way
        self._socket = socket.create_connection(office.address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._answer = b""
        self._sent_at = 0
        self._closed = False
        office.loop.hold(self, READ)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._office.loop.release(self)
        self._socket.close()

    def send(self) -> None:
        given = None if self._closed else self._office.next()
        if given is None:
            return
        number, headers, username = given
        body = urlencode({"message": TEXT.format(number=number)}).encode()
        head = b"POST /send_message/%s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n" % (
            username.encode(),
            headers,
            b"Accept: application/json\r\n" if self._way == "json" else b"",
            len(body),
        )
        self._sent_at = time.monotonic_ns()
        self._office.sent_ns[number] = self._sent_at
        self._socket.send(head + body)

    def ready(self, _mask: int) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            self._give_up(str(error))
            return
        if not data:
            self._give_up("closed by the server")
            return
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end:
            return
        length = LENGTH.search(head)
        # Without a length the body comes in chunks, of which the last is empty.
        if body.endswith(b"0\r\n\r\n") if length is None else len(body) >= int(length[1]):
            self._answered(head[9:12])

    def _answered(self, status: bytes) -> None:
        self._answer = b""
        self._office.answers_ns.append(time.monotonic_ns() - self._sent_at)
        if status not in ANSWERS[self._way]:
            self._office.failures[f"status {status.decode('latin-1')}"] += 1
        self.send()

    def _give_up(self, reason: str) -> None:
        self._office.failures[reason] += 1
        self.close()


class Office:
    """Hands out what is to be sent, and keeps what was.

    Writers and recipients take turns, and there is a whole number of writers to each recipient: so
    everybody writes to one person, again and again.
    """

    def __init__(
        self, loop: Loop, address: tuple[str, int], writers: list[bytes], usernames: list[str]
    ) -> None:
        self.loop = loop
        self.address = address
        # The headers of each writer's requests.
        self._writers = writers
        self._usernames = usernames
        self._left: deque[int] = deque()
        self.sent_ns: dict[int, int] = {}
        self.answers_ns: list[int] = []
        self.failures: Counter[str] = Counter()

    def plan(self, first: int, count: int) -> None:
        """Forget what was; next are the messages `first` to `first + count - 1`."""
        self._left = deque(range(first, first + count))
        self.sent_ns, self.answers_ns = {}, []
        self.failures = Counter()

    def next(self) -> tuple[int, bytes, str] | None:
        """The next message's number, its writer's headers, and to whom."""
        if not self._left:
            return None
        number = self._left.popleft()
        writer = self._writers[number % len(self._writers)]
        return number, writer, self._usernames[self.recipient(number)]

    def recipient(self, number: int) -> int:
        """To whom the message went, by number from 0."""
        return number % len(self._usernames)
