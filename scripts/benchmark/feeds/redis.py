"""Feeds a peer: one PUBLISH an event.

    python -m benchmark.feeds.redis REDIS_SOCKET COUNT one|each

`one`: on the one channel that all its processes listen to, with the person before the event.
`each`: on a channel for each person, as Notifier has it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter

from benchmark.feeds import pace

CHANNEL = "benchmark"


class Publisher:
    """Pipelines commands to Redis on one socket, without a client library in between."""

    def __init__(self, path: str, *, channel_each: bool) -> None:
        self._channel_each = channel_each
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._sequences: Counter[int] = Counter()

    async def publish(self, persons: list[int]) -> tuple[int, list[int]]:
        commands, sequences = [], []
        timestamp = time.time()
        for person in persons:
            self._sequences[person] += 1
            sequence = self._sequences[person]
            sequences.append(sequence)
            channel, text = CHANNEL, pace.event(person, sequence, timestamp)
            if self._channel_each:
                channel = f"{CHANNEL}:{person}"
            else:
                text = f"{person} {text}"
            commands.append(
                f"*3\r\n$7\r\nPUBLISH\r\n${len(channel)}\r\n{channel}\r\n${len(text)}\r\n{text}\r\n"
            )
        now = time.monotonic_ns()
        self._socket.sendall("".join(commands).encode())
        replies = 0
        while replies < len(persons):
            data = self._socket.recv(65536)
            if not data or b"-ERR" in data:
                raise ConnectionError("Redis refused a publish")
            replies += data.count(b"\r\n")
        return now, sequences


if __name__ == "__main__":
    publisher = Publisher(sys.argv[1], channel_each=sys.argv[3] == "each")
    asyncio.run(pace.serve(int(sys.argv[2]), publisher.publish))
