"""The peers: what people would use instead."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmark.doors.door import Door, Open, closing, new_box
from benchmark.programs import Feed, free_port, program, redis_server, wait_ready

HERE = Path(__file__).resolve().parent.parent
# So that `python -m benchmark.…` and `benchmark.peers.…` are found by the programs we start.
ENVIRONMENT = {"PYTHONPATH": str(HERE.parent)}
NCHAN_MODULES = [
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
]


def plain_request(person: int, _cursor: int) -> bytes:
    return (
        b"GET /stream/%d HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n" % person
    )


class PythonPeer(Door):
    """A peer that is a Python program fed by Redis."""

    packages: tuple[str, ...]
    # See `feeds.redis`.
    channels = "one"

    def command(self, port: int, processes: int) -> list[str]:
        raise NotImplementedError

    @contextlib.contextmanager
    def open(self, persons: int, processes: int) -> Iterator[Open]:
        port = free_port()
        with new_box() as where, redis_server(where) as (redis_socket, redis):
            environment = {
                **ENVIRONMENT,
                "BENCH_PORT": str(port),
                "BENCH_REDIS_SOCKET": str(redis_socket),
            }
            with program(self.command(port, processes), where, environment) as server:
                wait_ready(server, port, "/ready", where)
                feed = [sys.executable, "-m", "benchmark.feeds.redis", str(redis_socket)]
                feed += [str(persons), self.channels]
                with closing(Feed(feed, where, ENVIRONMENT)) as fed:
                    address, cursors = ("127.0.0.1", port), [0] * persons
                    yield Open(
                        address, plain_request, cursors, [server.pid], [redis.pid], fed, where
                    )

    def versions(self) -> dict[str, str]:
        return {package: version(package) for package in self.packages}


class QuartPeer(PythonPeer):
    name = "quart"
    title = "Quart generator, hypercorn"
    packages = ("quart", "hypercorn", "uvloop", "redis")

    def command(self, port: int, processes: int) -> list[str]:
        return [
            *(sys.executable, "-m", "hypercorn", "--worker-class", "uvloop"),
            *("--workers", str(processes), "--bind", f"127.0.0.1:{port}", "--backlog", "4096"),
            "benchmark.peers.quart_app:app",
        ]


class StarlettePeer(PythonPeer):
    name = "starlette"
    title = "sse-starlette, uvicorn"
    packages = ("sse-starlette", "starlette", "uvicorn", "uvloop", "httptools", "redis")

    def command(self, port: int, processes: int) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "--loop", "uvloop", "--http", "httptools"),
            *("--workers", str(processes), "--host", "127.0.0.1", "--port", str(port)),
            *("--no-access-log", "--backlog", "4096", "benchmark.peers.starlette_app:app"),
        ]


class BarePeer(PythonPeer):
    """No peer that one could choose, but the floor: see `peers.bare`."""

    name = "bare"
    title = "bare asyncio, the floor"
    packages = ("uvloop", "hiredis")
    channels = "each"

    def command(self, port: int, processes: int) -> list[str]:
        return [sys.executable, "-m", "benchmark.peers.bare", str(processes)]


class NchanPeer(Door):
    """nginx's own module, in C, with its memory as the store."""

    name = "nchan"
    title = "nchan, nginx"

    def missing(self) -> str | None:
        if shutil.which("nginx", path=_system_path()) is None or not self._module():
            return "nginx with nchan is not installed (Debian: apt-get install libnginx-mod-nchan)"
        return None

    @staticmethod
    def _module() -> Path | None:
        return next((path for path in NCHAN_MODULES if path.exists()), None)

    @contextlib.contextmanager
    def open(self, persons: int, processes: int) -> Iterator[Open]:
        port = free_port()
        with new_box() as where:
            template = string.Template((HERE / "peers" / "nchan.conf").read_text())
            settings = where / "nginx.conf"
            settings.write_text(
                template.substitute(
                    module=self._module(),
                    box=where,
                    port=port,
                    processes=processes,
                    files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                )
            )
            nginx = shutil.which("nginx", path=_system_path()) or "nginx"
            command = [nginx, "-e", str(where / "start.log"), "-c", str(settings)]
            with program(command, where) as server:
                wait_ready(server, port, "/ready", where)
                feed = [sys.executable, "-m", "benchmark.feeds.nchan", str(port), str(persons)]
                with closing(Feed(feed, where, ENVIRONMENT)) as fed:
                    address = ("127.0.0.1", port)
                    cursors = [0] * persons
                    yield Open(address, plain_request, cursors, [server.pid], [], fed, where)

    def versions(self) -> dict[str, str]:
        nginx = shutil.which("nginx", path=_system_path())
        if nginx is None:
            return {}
        said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr  # noqa: S603
        found = re.search(r"nginx/(\S+)", said)
        return {"nginx": found[1] if found else "?", "nchan": _package("libnginx-mod-nchan")}


def _package(name: str) -> str:
    query = shutil.which("dpkg-query")
    if query is None:
        return "?"
    asked = [query, "--show", "--showformat", "${Version}", name]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout or "?"  # noqa: S603


def _system_path() -> str:
    """The search path with the directories that only root has in it."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
