"""A supervisor's processes, and the fork servers that it has them from.

The other end is `fork_server`, in a program of its own: what is here never forks, because the
supervisor has a loop, and threads that wait for programs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Mapping

import structlog

from notifier.fork_server import MESSAGE_MAX_BYTES, REFUSED_CODE

log = structlog.get_logger("notifier.supervisor")


class Process:
    """A forked process: who it is, and its exit code once it has ended."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        # As in `subprocess`: negative for a signal.
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def ended(self, code: int) -> None:
        self.returncode = code
        self._ended.set()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode


def _ended(name: str, pid: int, code: int) -> Process:
    process = Process(name, pid)
    process.ended(code)
    return process


def send_signal(process: Process, number: signal.Signals) -> None:
    """Send a signal; harmless when the process has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


class ForkServer:
    """Starts a fork server and has it fork.

    `command` makes its command line from the descriptor of its control socket. When it ends without
    having been closed (`returncode`), whom it forked is told to end too, and nobody can learn how
    they do: for who waits they ended with the server's own exit code.
    """

    def __init__(self, command: Callable[[int], list[str]]) -> None:
        self._command = command
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        # Who runs now, by process number.
        self._processes: dict[int, Process] = {}
        # Who was ordered and is not forked yet, in order.
        self._ordered: deque[tuple[str, asyncio.Future[Process]]] = deque()
        self._ready = asyncio.Event()
        # None while it runs.
        self.returncode: int | None = None
        self._closing = False
        self._server: asyncio.subprocess.Process | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def processes(self) -> list[Process]:
        """Who runs."""
        return list(self._processes.values())

    async def fork(self, name: str, kind: str, fds: Mapping[str, int]) -> Process:
        """A new process `name` that gets `Order(kind, fds)`, with descriptors of its own.

        If the server has ended, it is the server's own end that is returned.
        """
        await self._ready.wait()
        if self.returncode is not None:
            return self._never_was(name)
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        order = json.dumps([kind, list(fds)]).encode()
        try:
            socket.send_fds(self._control, [order], list(fds.values()))
        except ConnectionError:
            # It has ended, and we are about to hear of it.
            await self._over()
            return self._never_was(name)
        self._ordered.append((name, future))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # Nobody wants it any more.
            future.add_done_callback(lambda done: send_signal(done.result(), signal.SIGTERM))
            raise

    async def settled(self) -> list[Process]:
        """Who runs, once all that was ordered is forked."""
        if self._ordered and self.returncode is None:
            await asyncio.wait([future for _, future in self._ordered])
        return self.processes

    async def close(self) -> None:
        """End the server; harmless when it has ended."""
        self._closing = True
        if self._server is not None and not self._ready.is_set():
            # It would see that we are gone only when it has loaded everything.
            self._server.kill()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        await self._over()

    async def _over(self) -> None:
        # Whoever gives up waiting for the end does not keep us from hearing of it.
        await asyncio.wait([self._task])

    def _never_was(self, name: str) -> Process:
        assert self.returncode is not None
        return _ended(name, self.pid, self.returncode)

    @property
    def pid(self) -> int:
        """The server's own; 0 before it was started."""
        return 0 if self._server is None else self._server.pid

    async def _run(self) -> None:
        try:
            self.returncode = await self._while_it_lives()
        except OSError as error:
            log.error("fork_server_not_started", reason=str(error))
            self.returncode = REFUSED_CODE
        self._control.close()
        self._ready.set()
        while self._ordered:
            name, future = self._ordered.popleft()
            future.set_result(self._never_was(name))
        processes, self._processes = self.processes, {}
        for process in processes:
            # Without the server they would be nobody's: others take their places.
            send_signal(process, signal.SIGTERM)
            process.ended(self.returncode)
        if not self._closing:
            log.error("fork_server_ended", pid=self.pid, code=self.returncode)

    async def _while_it_lives(self) -> int:
        theirs = self._theirs.fileno()
        try:
            self._server = await asyncio.create_subprocess_exec(
                *self._command(theirs), pass_fds=(theirs,), stdin=subprocess.DEVNULL
            )
        finally:
            self._theirs.close()
        if self._closing:
            self._server.kill()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while message := await loop.sock_recv(self._control, MESSAGE_MAX_BYTES):
                self._hear(*json.loads(message))
        return await self._server.wait()

    def _hear(self, what: str, pid: int = 0, code: int = 0) -> None:
        if what == "ready":
            self._ready.set()
        elif what == "forked":
            name, future = self._ordered.popleft()
            self._processes[pid] = process = Process(name, pid)
            future.set_result(process)
        elif what == "refused":
            name, future = self._ordered.popleft()
            future.set_result(_ended(name, pid, code))
        elif what == "ended" and (ended := self._processes.pop(pid, None)) is not None:
            ended.ended(code)
