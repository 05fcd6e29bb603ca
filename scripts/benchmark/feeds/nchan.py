"""Feeds nchan: one POST an event to its publisher location, on kept-alive connections."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter

from benchmark.feeds import pace

# nchan answers one request of a connection after the other, so a burst goes out on several.
CONNECTIONS = 16


class Publisher:
    def __init__(self, port: int) -> None:
        self._sockets = []
        for _ in range(CONNECTIONS):
            one = socket.create_connection(("127.0.0.1", port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(one)
        self._sequences: Counter[int] = Counter()

    async def publish(self, persons: list[int]) -> tuple[int, list[int]]:
        sequences = []
        timestamp = time.time()
        now = time.monotonic_ns()
        for start in range(0, len(persons), CONNECTIONS):
            part = persons[start : start + CONNECTIONS]
            for person, one in zip(part, self._sockets, strict=False):
                self._sequences[person] += 1
                sequences.append(self._sequences[person])
                text = pace.event(person, self._sequences[person], timestamp)
                one.sendall(
                    f"POST /publish?person={person} HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: text/plain\r\n"
                    f"Content-Length: {len(text)}\r\n\r\n{text}".encode()
                )
            for _, one in zip(part, self._sockets, strict=False):
                answer = one.recv(65536)
                if not answer.startswith(b"HTTP/1.1 20"):
                    raise ConnectionError(f"nchan refused: {answer[:60]!r}")
        return now, sequences


if __name__ == "__main__":
    asyncio.run(pace.serve(int(sys.argv[2]), Publisher(int(sys.argv[1])).publish))
