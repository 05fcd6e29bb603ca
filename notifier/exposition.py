"""All processes' figures at one address: what Prometheus scrapes on a machine, or `notifier top`.

The processes of a machine share their listening sockets, so whoever asks for `/metrics` there gets
the figures of one of them, and never knows of which. Here the supervisor asks every process, each
at a socket of its own that it made and handed over, and puts the answers together: each sample is
labelled with its process (`web-1`) and door. One that does not answer is `notifier_process_up 0`.

Imported by the supervisor, so it must not import the engine.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A process that is slower than this is as good as away; Prometheus itself waits for ten.
ANSWER_SECONDS = 2.0
HEAD_SECONDS = 5.0
HEAD_MAX_BYTES = 8 * 1024
_SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)")


@dataclass(frozen=True)
class Watched:
    """One process: where it answers, and how often one in its place ended by itself."""

    name: str
    door: str
    address: str
    ended: Callable[[], int]


def own_socket() -> socket.socket:
    """A listening socket with an address that nobody else guesses, and without a file."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(f"\0notifier-{secrets.token_hex(16)}")
    listening.listen()
    listening.setblocking(False)
    return listening


def address_of(listening: socket.socket) -> str:
    """Where `own_socket` listens."""
    name = listening.getsockname()
    return name.decode() if isinstance(name, bytes) else str(name)


async def answer_all(
    listening: socket.socket, watched: Iterable[Watched], token: str
) -> asyncio.Server:
    """Answer `GET /metrics` with the figures of all `watched`, where there is a `token` only to
    who shows it."""
    processes = list(watched)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await _answer_to(head, processes, token))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever asked is gone, or was never asking.
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, sock=listening, limit=HEAD_MAX_BYTES)


async def _answer_to(head: bytes, processes: list[Watched], token: str) -> bytes:
    request_line, *headers = head.split(b"\r\n")
    given = b""
    for line in headers:
        name, _, value = line.partition(b":")
        if name.lower() == b"authorization":
            given = value.strip().removeprefix(b"Bearer ")
    if not re.match(rb"GET /metrics[ ?]", request_line):
        return _response("404 Not Found", "The figures are at /metrics.\n")
    if token and not hmac.compare_digest(given, token.encode()):
        return _response("401 Unauthorized", "Show the token.\n")
    answers = await asyncio.gather(*(_ask(one.address) for one in processes))
    return _response("200 OK", merged(zip(processes, answers, strict=True)))


def _response(status: str, body: str) -> bytes:
    data = body.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + data


async def _ask(address: str) -> str:
    """What a process says of itself; "" when it says nothing in time."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(address)
            try:
                return (await reader.read(-1)).decode()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return ""


def merged(answers: Iterable[tuple[Watched, str]]) -> str:
    """One text of all the processes', each family once, each sample labelled."""
    families: dict[str, list[str]] = {
        "up": [
            "# HELP notifier_process_up 1 when the process answers",
            "# TYPE notifier_process_up gauge",
        ],
        "ended": [
            "# HELP notifier_process_ended_abnormally_total Ends that nobody asked for",
            "# TYPE notifier_process_ended_abnormally_total counter",
        ],
    }
    for process, text in answers:
        labels = f'process="{process.name}",door="{process.door}"'
        families["up"].append(f"notifier_process_up{{{labels}}} {int(bool(text))}")
        families["ended"].append(
            f"notifier_process_ended_abnormally_total{{{labels}}} {process.ended()}"
        )
        _add(families, labels, text)
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _add(families: dict[str, list[str]], labels: str, text: str) -> None:
    lines: list[str] = []
    described: set[str] = set(families)
    for line in text.splitlines():
        if line.startswith("#"):
            name = line.split(" ", 3)[2]
            lines = families.setdefault(name, [])
            if name not in described:
                lines.append(line)
        elif sample := _SAMPLE.match(line):
            name, own, value = sample.groups()
            lines.append(f"{name}{{{labels}{',' + own if own else ''}}} {value}")
