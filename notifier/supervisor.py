"""Keeps the processes of one machine running: starts, replaces, drains and rolls them over.

The supervisor owns the listening sockets and serves nothing itself, so a process that dies
takes no connection with it that waits to be accepted, and its replacement continues where it
was. SIGTERM and SIGINT stop everything, SIGHUP replaces every process one after the other: the
new one serves before the old one drains.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from notifier.processes import ForkServer, Process, send_signal

log = structlog.get_logger("notifier.supervisor")

# Pauses before a process that ended is started again. The first one is short, because a kill
# is repaired within 2 s; a process that cannot start is not tried more often than the last one.
RESTART_FIRST_SECONDS = 0.1
RESTART_MOST_SECONDS = 30.0
# A process that lived this long had started well: the next pause is the first one again.
STEADY_SECONDS = 10.0
# A new process gets this long to say that it serves, when another waits for it.
READY_SECONDS = 60.0
# On top of the drain window, before a process that does not end is killed.
STOP_EXTRA_SECONDS = 10.0
# The exit code of a process whose settings or schema are wrong: trying again cannot help.
EXIT_MISCONFIGURED = 3


@dataclass(eq=False)
class Slot:
    """One place for a process, which is told its `kind` and gets descriptors of its own of `fds`,
    and of two pipes: `life`, which ends with the supervisor, and `ready`, where it says so."""

    name: str
    kind: str
    fds: dict[str, int]
    process: Process | None = None
    pause_seconds: float = RESTART_FIRST_SECONDS
    ended_abnormally: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Supervisor:
    """Runs a fixed number of processes until it is told to stop.

    `command(kind, fd)` is the command line of a fork server for processes of a kind, with the
    descriptor of its control socket.
    """

    def __init__(
        self,
        slots: list[Slot],
        command: Callable[[str, int], list[str]],
        *,
        drain_seconds: float,
    ) -> None:
        self._slots = slots
        self._command = command
        self._stop_seconds = drain_seconds + STOP_EXTRA_SECONDS
        self._stopping = asyncio.Event()
        # What our processes are told: the same as we were, so that Ctrl-C is quick for all.
        self._stop_signal = signal.SIGTERM
        self._rolling: asyncio.Task[None] | None = None
        self._was_ready = False
        self._exit_code = 0
        # By kind the fork server of whoever is started next, and all there are: those before live
        # on until the last of their processes has been replaced.
        self._fork_server: dict[str, ForkServer] = {}
        self._fork_servers: list[ForkServer] = []
        # Children hold the other end: when the supervisor is gone they notice and drain.
        self._life_read, self._life_write = os.pipe()

    async def run(self) -> int:
        """Start everything, keep it running; the exit code of the whole."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_for, number)
        loop.add_signal_handler(signal.SIGHUP, self._roll_soon)
        for slot in self._slots:
            slot.task = loop.create_task(self._keep(slot))
        await self._stopping.wait()
        # First whoever may start another process, so that none begins behind our back.
        starting = [self._rolling, *(slot.task for slot in self._slots)]
        tasks = [task for task in starting if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(server) for server in self._fork_servers))
        os.close(self._life_write)
        os.close(self._life_read)
        return self._exit_code

    def _stop_for(self, number: signal.Signals) -> None:
        self._stop_signal = number
        self._stopping.set()

    async def _keep(self, slot: Slot) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            process, ready = await self._start(slot, self._server_for(slot.kind))
            slot.process = process
            if await ready:
                self._was_ready = True
                log.info("process_ready", process=slot.name, pid=process.pid)
            code = await process.wait()
            if self._stopping.is_set() or slot.process is not process:
                return
            self._note_end(slot, process.pid, code)
            if code == EXIT_MISCONFIGURED and not self._was_ready:
                self._exit_code = EXIT_MISCONFIGURED
                self._stopping.set()
                return
            if loop.time() - started > STEADY_SECONDS:
                slot.pause_seconds = RESTART_FIRST_SECONDS
            await asyncio.sleep(slot.pause_seconds)
            slot.pause_seconds = min(slot.pause_seconds * 2, RESTART_MOST_SECONDS)

    def _note_end(self, slot: Slot, pid: int, code: int) -> None:
        slot.ended_abnormally += 1
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        log.error(
            "process_ended_abnormally",
            process=slot.name,
            pid=pid,
            cause=cause,
            again_in_seconds=slot.pause_seconds,
        )

    def _server_for(self, kind: str) -> ForkServer:
        server = self._fork_server.get(kind)
        if server is None or server.returncode is not None:
            server = self._fork_server[kind] = self._new_server(kind)
        return server

    def _new_server(self, kind: str) -> ForkServer:
        server = ForkServer(partial(self._command, kind))
        self._fork_servers = [one for one in self._fork_servers if one.returncode is None]
        self._fork_servers.append(server)
        return server

    async def _start(self, slot: Slot, server: ForkServer) -> tuple[Process, asyncio.Future[bool]]:
        """A new process for `slot`, and whether it came to serve (False: it ended first)."""
        ready_read, ready_write = os.pipe()
        try:
            fds = slot.fds | {"life": self._life_read, "ready": ready_write}
            process = await server.fork(slot.name, slot.kind, fds)
        except asyncio.CancelledError:
            os.close(ready_read)
            raise
        finally:
            os.close(ready_write)
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[bool] = loop.create_future()

        def readable() -> None:
            said = os.read(ready_read, 16)
            loop.remove_reader(ready_read)
            os.close(ready_read)
            if not ready.done():
                # Nothing but the end of the pipe: the process is gone.
                ready.set_result(bool(said))

        loop.add_reader(ready_read, readable)
        return process, ready

    # -- rolling restart and stop ----------------------------------------------------------

    def _roll_soon(self) -> None:
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.get_running_loop().create_task(self._roll())

    async def _roll(self) -> None:
        log.info("rolling_restart_begins")
        # New ones, which find on the disk what is there now.
        servers: dict[str, ForkServer] = {}
        given_up = None
        for slot in self._slots:
            if slot.kind not in servers:
                servers[slot.kind] = self._new_server(slot.kind)
            if not await self._replace(slot, servers[slot.kind]):
                given_up = slot
                break
            # Not before: what does not serve takes no dead process's place.
            self._fork_server[slot.kind] = servers[slot.kind]
        await self._close_idle()
        # At the very end: whoever reads it may ask for another at once.
        if given_up is None:
            log.info("rolling_restart_done")
        else:
            log.error("rolling_restart_given_up", process=given_up.name)

    async def _close_idle(self) -> None:
        """End the fork servers that have no process any more and get no other."""
        for server in self._fork_servers:
            if server not in self._fork_server.values() and not server.processes:
                await server.close()

    async def _replace(self, slot: Slot, server: ForkServer) -> bool:
        """Start a new process, then drain the old one. The old one stays if the new one fails."""
        process: Process | None = None
        try:
            async with asyncio.timeout(READY_SECONDS):
                process, ready = await self._start(slot, server)
                serves = await ready
        except TimeoutError:
            serves = False
        if process is None or not serves:
            if process is not None:
                send_signal(process, signal.SIGKILL)
                await process.wait()
            return False
        # Looked at only now: the old process may have died and been replaced meanwhile.
        old, old_task = slot.process, slot.task
        slot.process = process
        slot.task = asyncio.get_running_loop().create_task(self._adopt(slot, process))
        log.info("process_ready", process=slot.name, pid=process.pid)
        if old_task is not None:
            old_task.cancel()
        if old is not None:
            await self._terminate(old)
        return True

    async def _adopt(self, slot: Slot, process: Process) -> None:
        code = await process.wait()
        if self._stopping.is_set() or slot.process is not process:
            return
        self._note_end(slot, process.pid, code)
        await self._keep(slot)

    async def _end(self, server: ForkServer) -> None:
        await asyncio.gather(*map(self._terminate, await server.settled()))
        await server.close()

    async def _terminate(self, process: Process) -> None:
        if process.returncode is not None:
            # It ended by itself, and that was noted when it did.
            return
        send_signal(process, self._stop_signal)
        try:
            async with asyncio.timeout(self._stop_seconds):
                code = await process.wait()
        except TimeoutError:
            log.error("process_killed", process=process.name, pid=process.pid)
            send_signal(process, signal.SIGKILL)
            await process.wait()
            self._exit_code = 1
            return
        # By the signal itself: it had not come to serve yet.
        if code not in (0, EXIT_MISCONFIGURED, -self._stop_signal):
            log.error("process_ended_abnormally", process=process.name, pid=process.pid, cause=code)
            self._exit_code = 1


def command_for(kind: str, control_fd: int) -> list[str]:
    """The command line of a fork server for processes of `kind`."""
    return [sys.executable, "-m", "notifier", "process", kind, f"--control={control_fd}"]
