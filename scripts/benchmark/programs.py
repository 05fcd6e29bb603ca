"""Starts and ends the programs of a run: servers, their Redis, and the feed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark import cores

# Generous for a cold start on a machine that others use too; a server that needs it is broken.
START_CEILING_SECONDS = 60
# Longer than any drain window; then the program is killed and the run says so.
STOP_CEILING_SECONDS = 30


class BenchError(Exception):
    """What the person who runs the benchmark is told, with exit code 2."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def program(
    command: list[str], box: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server on the servers' cores, in a process group of its own, at home in `box`; ended at the
    end.

    Not in a session of its own: Linux may share out the cores by session (autogroup, sched(7)), and
    what keeps them awake would then have as much of them as a server.
    """
    log = box / f"{Path(command[0]).name}.log"
    with log.open("ab") as output, cores.for_servers():
        started = subprocess.Popen(  # noqa: S603 (the commands are this package's own)
            command,
            env=_environment(environment or {}),
            cwd=box,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    try:
        yield started
        if started.poll() is not None:
            raise BenchError(f"{_name(command)} ended with {started.returncode}: {tail(log)}")
    finally:
        _end(started, _name(command))


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would set up Notifier otherwise than the run says."""
    settings = {"SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "REDIS_URL", "POSTS_PER_PAGE"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in settings and not name.startswith("NOTIFIER_")
    }
    return kept | dict(ours)


def run_to_end(command: list[str], box: Path, environment: Mapping[str, str]) -> str:
    """A program that does one thing, on the servers' cores: what it printed; raises with its last
    words if it fails."""
    with cores.for_servers():
        done = subprocess.run(  # noqa: S603
            command,
            env=_environment(environment),
            cwd=box,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BenchError(f"{_name(command)} ended with {done.returncode}: {' / '.join(said[-3:])}")
    return done.stdout


def _name(command: list[str]) -> str:
    return " ".join(Path(part).name for part in command[:3])


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-3:]) or "it said nothing"


def last_words(box: Path) -> str:
    """The ends of all logs of a run."""
    return " / ".join(f"{log.name}: {tail(log)}" for log in box.glob("*.log") if log.stat().st_size)


def _end(started: subprocess.Popen[Any], name: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        started.send_signal(signal.SIGTERM)
    try:
        started.wait(STOP_CEILING_SECONDS)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"\n{name} did not stop and was killed\n")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def wait_ready(started: subprocess.Popen[bytes], port: int, path: str, box: Path) -> None:
    """Until the program answers 200 on `path`."""
    end = time.monotonic() + START_CEILING_SECONDS
    while time.monotonic() < end:
        if started.poll() is not None:
            break
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise BenchError(f"the server did not become ready: {last_words(box)}")


@contextlib.contextmanager
def redis_server(box: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A Redis of the run's own, that keeps nothing on disk: its socket and process.

    A Unix socket, as is usual for a Redis on the same machine: nothing is sent over a network, so
    nothing should pay for one.
    """
    found = shutil.which("redis-server")
    if found is None:
        raise BenchError(
            "redis-server is needed: install it (Debian: apt-get install redis-server)"
        )
    path = box / "redis.sock"
    command = [found, "--port", "0", "--unixsocket", str(path), "--save", "", "--maxclients"]
    with program([*command, "1000"], box) as started:
        end = time.monotonic() + START_CEILING_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
                one.connect(str(path))
                break
            time.sleep(0.02)
        yield path, started


class Feed:
    """The process that makes events happen (see `feeds.pace`)."""

    def __init__(self, command: list[str], box: Path, environment: Mapping[str, str]) -> None:
        self._box = box
        self._errors = (box / "feed.log").open("ab")
        self._process = subprocess.Popen(  # noqa: S603
            command,
            env=_environment(environment),
            cwd=box,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            process_group=0,
        )
        self._answer()

    def start(self, **wish: object) -> Path:
        """Tell it what to do; where its log of what was sent will be."""
        log = self._box / "sent.bin"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**wish, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        os.set_blocking(self._output, False)
        return log

    @property
    def _output(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def _answer(self) -> dict[str, float]:
        os.set_blocking(self._output, True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the feed ended: {tail(self._box / 'feed.log')}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def poll(self) -> dict[str, float] | None:
        """Its answer, if it is done."""
        try:
            line = os.read(self._output, 4096)
        except BlockingIOError:
            return None
        if not line:
            raise BenchError(f"the feed ended: {tail(self._box / 'feed.log')}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        _end(self._process, "the feed")
        self._errors.close()
