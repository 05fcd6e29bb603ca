"""The database is locked, full, read-only: a clear no in time, and nothing half done (F9, F21)."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from tests.busyness import measured
from tests.crowd import Somebody, crowd
from tests.exactness import exact
from tests.exchange import Answer
from tests.patience import until
from tests.processes import Server, running
from tests.sender import Sender
from tests.site import WITHIN_T_SECONDS, Site, site
from tests.window import windows

DATABASE_SECONDS = 3.0
# A no must come within that, and this is for rendering it.
RENDERED_SECONDS = 2.0
LOCKED_SECONDS = 10.0
AT_ONCE = 40
# What is left on the disk when it begins to fill: some messages.
ROOM_BYTES = 20_000
DISK_SIZE = "4m"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of some megabytes in `folder`, gone when the block ends."""
    (disk := folder / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "notifier-tests", str(disk)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield disk
    finally:
        # Lazy: whoever still has a file open there keeps nobody else waiting.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def may_mount() -> bool:
    """Whether disks can be made here: it takes root, and a kernel that lets us."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


KINDS_OF_FULL = ["a disk", "a file"] if may_mount() else ["a file"]


def file_of(server: Server) -> str:
    return server.environment["DATABASE_URL"].removeprefix("sqlite:///")


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(file_of(server), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def fill_disk(server: Server, pid: int) -> None:
    """No file of the process may grow any more: a full disk where no other can be made."""
    sizes = [Path(file_of(server) + part).stat().st_size for part in ("", "-wal")]
    room = max(sizes) + ROOM_BYTES
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def sound(server: Server) -> None:
    with closing(sqlite3.connect(file_of(server))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def is_a_clear_no(answer: Answer | None, text: str) -> None:
    assert answer is not None
    assert answer.status == 503, answer.text
    assert int(answer.header("retry-after")) > 0
    assert text in answer.text, "what was written is still there"
    assert "Traceback" not in answer.text


@asynccontextmanager
async def small_site(folder: Path) -> AsyncIterator[tuple[Site, list[Somebody]]]:
    async with site(folder, workers=1, NOTIFIER_DATABASE_TIMEOUT_SECONDS=DATABASE_SECONDS) as here:
        yield here, await crowd(here.server, 2 + AT_ONCE)


async def test_a_locked_database_is_a_no_in_time_and_streams_stay(tmp_path: Path) -> None:
    async with small_site(tmp_path) as (here, (gitau, *others)):
        senders = [Sender(one.at(here.server.port), [gitau]) for one in others]
        async with windows([gitau], here.ports, each=10) as opened:
            await senders[0].send(gitau)
            async with measured() as busy:
                with locked(here.server):
                    begun = time.monotonic()
                    # Alone, then all at once, then again as long as it lasts: nobody queues twice.
                    while time.monotonic() < begun + LOCKED_SECONDS:
                        for some in (senders[:1], senders):
                            await asyncio.gather(*(sender.send(gitau) for sender in some))
            for sender in senders:
                for text, answer in sender.refused.items():
                    is_a_clear_no(answer, text)
                assert sender.slowest_seconds < DATABASE_SECONDS + RENDERED_SECONDS * busy.factor
                assert not sender.unanswered
            assert all(sender.refused for sender in senders[1:])
            await asyncio.gather(*(sender.send(gitau) for sender in senders))
            await here.exact(opened, *senders)
            assert all(len(window.opened) == 1 for window in opened), "no stream ended"


@pytest.mark.parametrize("kind", KINDS_OF_FULL)
async def test_a_full_disk_is_a_no_and_harms_nothing(tmp_path: Path, kind: str) -> None:
    await {"a disk": no_room_on_a_disk, "a file": no_room_for_a_file}[kind](tmp_path)


async def no_room_for_a_file(tmp_path: Path) -> None:
    async with small_site(tmp_path) as (here, (gitau, harry, *_)):
        sender = Sender(harry.at(here.server.port), [gitau])
        async with windows([gitau], here.ports, each=10) as opened:
            await sender.send(gitau)
            (worker,) = here.workers()
            fill_disk(here.server, worker)

            async def refused() -> bool:
                await sender.send(gitau)
                return bool(sender.refused)

            await until(refused, "the disk is full", within=60)
            for text, answer in sender.refused.items():
                is_a_clear_no(answer, text)
            page = await harry.at(here.server.port).get("/messages/sent")
            assert page.status == 200, "reading goes on"
            resource.prlimit(
                worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )

            async def stored() -> bool:
                answer = await sender.send(gitau)
                return answer is not None and answer.status < 400

            await until(stored, "there is room again, and no restart was needed")
            await here.exact(opened, sender, within=WITHIN_T_SECONDS)
        sound(here.server)


async def test_a_read_only_database_is_a_no_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    writable = Server(tmp_path / "first")
    async with running(writable):
        harry, gitau = await crowd(writable, 2)
        await Sender(harry.at(writable.port), [gitau]).send(gitau)
    url = f"sqlite:///file:{file_of(writable)}?mode=ro&uri=true"
    read_only = ReadOnly(tmp_path / "second", DATABASE_URL=url)
    async with running(read_only):
        sender = Sender(harry.at(read_only.port), [gitau])
        await sender.send(gitau)
        assert sender.refused
        for text, answer in sender.refused.items():
            is_a_clear_no(answer, text)
        assert (await gitau.at(read_only.port).get("/")).status == 200, "reading goes on"
        assert "Traceback" not in read_only.output(), read_only.output()
    sound(writable)
    async with running(
        Server(tmp_path / "first", DATABASE_URL=writable.environment["DATABASE_URL"])
    ):
        pass
    async with windows([], []) as nobody:
        await exact(writable, nobody)


async def no_room_on_a_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        server = Server(
            tmp_path,
            DATABASE_URL=f"sqlite:///{disk}/notifier.db",
            NOTIFIER_STREAMS_PER_PERSON=1_000,
            NOTIFIER_DATABASE_TIMEOUT_SECONDS=DATABASE_SECONDS,
        )
        async with running(server):
            await fills_and_has_room_again(server, disk / "ballast")
            sound(server)
        assert "Traceback" not in server.output(), server.output()


async def fills_and_has_room_again(server: Server, ballast: Path) -> None:
    gitau, harry = await crowd(server, 2)
    sender = Sender(harry.at(server.port), [gitau])
    async with windows([gitau], [server.port], each=10) as opened:
        await sender.send(gitau)
        fill(ballast)

        async def refused() -> bool:
            await sender.send(gitau)
            return bool(sender.refused)

        await until(refused, "the disk is full", within=120)
        for text, answer in sender.refused.items():
            is_a_clear_no(answer, text)
        assert (await gitau.at(server.port).get("/")).status == 200, "reading goes on"
        make_room(ballast)

        async def stored() -> bool:
            answer = await sender.send(gitau)
            return answer is not None and answer.status < 400

        await until(stored, "there is room again, and no restart was needed", within=60)
        await exact(server, opened, [sender], within=60)
        assert all(len(window.opened) == 1 for window in opened), "no stream ended"


def make_room(ballast: Path) -> None:
    ballast.unlink()


def fill(ballast: Path) -> None:
    """Write until there is no room for another byte."""
    with ballast.open("wb", buffering=0) as file:
        for piece in (b"x" * 65_536, b"x"):
            with contextlib.suppress(OSError):
                while file.write(piece):
                    pass


class ReadOnly(Server):
    """A server whose database was made by another."""

    async def _migrate(self) -> None:
        return
