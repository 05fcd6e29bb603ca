"""Processes made by fork, from one that has loaded their code already: a fork server.

Why not start each by itself? Siblings of a fork have their code and libraries at the same
addresses and share what none of them changes, so the caches of a core that they take turns on
hold it once: four gateways that were started by themselves cost a tenth more for every event
(docs/bench/profile.md). A process that died is also replaced without loading everything again,
and a process more costs a part of the memory.

Nothing of the app may run in the server itself: no thread, no loop, no connection, for a fork
would copy it. Code that was changed on the disk is found by a new server and never by an old one,
so the processes of one server are always of one version.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass

# An order or an answer: a few words. One datagram each (SOCK_SEQPACKET), so none is cut in two.
MESSAGE_MAX_BYTES = 4096
# Descriptors of one order: a socket, two pipes, the figures.
FDS_MOST = 16
# The exit code of a process that the system refused (EX_OSERR of sysexits.h).
REFUSED_CODE = 71
# What ends a process and must not end the server: it goes when its supervisor does.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Order:
    """What kind of process a forked one is to be, and its descriptors by name."""

    kind: str
    fds: Mapping[str, int]


def serve(control: socket.socket) -> Order | None:
    """Fork a process for each order that comes by `control`, until its other end is closed.

    Returns in every forked process, with its order, and at last in the server, with None. The
    caller has no threads.
    """
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    _tell(control, "ready")
    poll = select.poll()
    poll.register(control, select.POLLIN)
    # Descriptors that are readable when a process has ended, and whose they are.
    pids: dict[int, int] = {}
    while True:
        for fd, _ in poll.poll():
            if fd in pids:
                poll.unregister(fd)
                _bury(control, fd, pids.pop(fd))
                continue
            data, fds = _hear(control)
            if not data:
                return None
            if (pid := _fork()) == 0:
                for other in (*pids, control.detach()):
                    os.close(other)
                kind, names = json.loads(data)
                return Order(kind, dict(zip(names, fds, strict=True)))
            for other in fds:
                os.close(other)
            if pid is None:
                _tell(control, "refused", 0, REFUSED_CODE)
                continue
            ended = os.pidfd_open(pid)
            pids[ended] = pid
            poll.register(ended, select.POLLIN)
            _tell(control, "forked", pid)


def _bury(control: socket.socket, fd: int, pid: int) -> None:
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    _tell(control, "ended", pid, os.waitstatus_to_exitcode(status))


def _fork() -> int | None:
    """As `os.fork`, but None where the machine has no place for one more; in the new process
    signals do again what they do in any."""
    # Blocked meanwhile: one that comes before the new process has its defaults back waits for them,
    # and is not ignored as the server ignores it.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        pid = os.fork()
    except OSError:
        pid = None
    if pid == 0:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    return pid


def _hear(control: socket.socket) -> tuple[bytes, list[int]]:
    """An order and its descriptors; b"" when the supervisor has gone."""
    try:
        data, fds, _, _ = socket.recv_fds(control, MESSAGE_MAX_BYTES, FDS_MOST)
    except ConnectionResetError:
        # It was killed and had not read all that it was told.
        return b"", []
    return data, fds


def _tell(control: socket.socket, *what: str | int) -> None:
    # The supervisor has gone: the next look at `control` says so.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        control.send(json.dumps(what).encode())
