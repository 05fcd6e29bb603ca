"""The supervisor: what dies is replaced, what is told to go goes, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.conftest import People, Serve
from tests.exchange import request
from tests.integration import supervised
from tests.patience import PAUSE_SECONDS, until
from tests.proc import lives
from tests.processes import Program, environment

CHECKOUT = Path(__file__).parents[2]
REPLACED_SECONDS = 2.0
# Two Pythons that begin on a busy machine.
ROLLED_SECONDS = 40.0


class Family(Program):
    """A supervisor and its children."""

    async def begin(self, slots: int, **options: float) -> None:
        arguments = [str(self.folder), str(slots), json.dumps(options)]
        # Not our own module's folder: the checkout is where `tests` and `notifier` are found.
        env = environment(PYTHONPATH=CHECKOUT)
        await self.launch(sys.executable, "-m", supervised.__name__, *arguments, env=env)

    def behave(self, how: str) -> None:
        (self.folder / "behaviour").write_text(how)

    @property
    def started(self) -> list[int]:
        """Every child that ever began, in order."""
        file = self.folder / "started"
        lines = file.read_text().splitlines() if file.exists() else []
        return [int(line.split()[0]) for line in lines]

    @property
    def fork_servers(self) -> list[int]:
        """Of every child that ever began, in order, whose child it was."""
        lines = (self.folder / "started").read_text().splitlines()
        return [int(line.split()[1]) for line in lines]

    @property
    def living(self) -> list[int]:
        return [pid for pid in self.started if lives(pid)]

    def says(self, event: str) -> int:
        """How often."""
        return self.output().count(event)

    async def ready(self, number: int) -> None:
        await until(lambda: self.says("process_ready") >= number, f"{number} are ready")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


Begin = Callable[..., Awaitable[Family]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    async with AsyncExitStack() as stack:

        async def family(slots: int, how: str = "good", **options: float) -> Family:
            found = Family(tmp_path)
            found.behave(how)
            stack.push_async_callback(found.kill)
            await found.begin(slots, **options)
            if how == "good":
                await found.ready(slots)
            return found

        yield family


async def test_a_killed_process_is_replaced_and_the_others_stay(begin: Begin) -> None:
    family = await begin(3)
    victim, *others = family.started
    os.kill(victim, signal.SIGKILL)
    await until(lambda: len(family.started) == 4, "another begins", REPLACED_SECONDS)
    await family.ready(4)
    assert family.living == [*others, family.started[3]]
    assert re.search(r"process_ended_abnormally.*SIGKILL", family.output())


async def test_told_to_stop_it_ends_with_all_its_processes(begin: Begin) -> None:
    family = await begin(2)
    assert await family.stop() == 0
    assert family.living == []
    assert len(family.started) == 2
    assert "Traceback" not in family.output()


async def test_a_process_that_does_not_go_is_killed_and_the_exit_says_so(begin: Begin) -> None:
    family = await begin(1, "stubborn", STOP_EXTRA_SECONDS=0.2)
    await family.ready(1)
    assert await family.stop() == 1
    assert family.living == []
    assert family.says("process_killed") == 1


async def test_a_process_without_handlers_of_its_own_goes_too(begin: Begin) -> None:
    # Its fork server ignores what ends a process; what it forks must not, from its first moment on.
    family = await begin(1, "plain")
    await family.ready(1)
    assert await family.stop() == 0
    assert family.living == []
    assert family.says("process_killed") == 0


async def test_a_process_that_dies_at_once_is_tried_again_with_growing_pauses(
    begin: Begin,
) -> None:
    family = await begin(1, "dies")
    await until(lambda: len(family.started) >= 4, "it is tried again")
    pauses = re.findall(r"again_in_seconds=([0-9.]+)", family.output())
    assert pauses[:3] == ["0.1", "0.2", "0.4"]
    family.behave("good")
    await family.ready(1)
    assert await family.stop() == 0


async def test_wrong_settings_end_it_at_once_with_their_own_code(begin: Begin) -> None:
    family = await begin(2, "misconfigured")
    async with asyncio.timeout(10):
        assert await family.gone() == 3
    assert len(family.started) <= 2, "trying again cannot help"


async def test_two_that_end_at_once_are_both_heard_of_with_their_own_code(begin: Begin) -> None:
    # The second has ended, and is told to stop before anybody has heard of it.
    family = await begin(2, "misconfigured", late_seconds=0.3)
    async with asyncio.timeout(10):
        assert await family.gone() == 3
    assert family.says("process_ended_abnormally") == 1


async def test_settings_that_turn_wrong_later_do_not_end_who_serves(begin: Begin) -> None:
    family = await begin(2)
    family.behave("misconfigured")
    victim, other = family.started
    os.kill(victim, signal.SIGKILL)
    await until(lambda: len(family.started) >= 4, "it is tried again")
    assert other in family.living and family.alive()


async def test_stopping_after_a_crash_does_not_wait_and_is_no_failure(begin: Begin) -> None:
    family = await begin(2, pause_seconds=60)
    os.kill(family.started[0], signal.SIGKILL)
    await until(lambda: family.says("process_ended_abnormally"), "the crash is noted")
    async with asyncio.timeout(10):
        assert await family.stop() == 0
    assert family.living == []


async def test_hangup_replaces_each_process_once_the_new_one_serves(begin: Begin) -> None:
    family = await begin(2)
    old = family.started
    family.behave("slow")
    family.signal(signal.SIGHUP)
    await until(lambda: len(family.started) == 3, "the first new one begins")
    assert family.living == family.started, "nobody goes before the new one serves"
    (family.folder / "go").touch()
    await until(lambda: family.says("rolling_restart_done"), "all are replaced")
    assert len(family.started) == 4
    assert not set(old) & set(family.living)
    assert len(family.living) == 2
    assert family.says("process_ended_abnormally") == 0
    assert await family.stop() == 0


async def test_the_old_process_stays_when_the_new_one_fails(begin: Begin) -> None:
    family = await begin(2)
    old = family.started
    family.behave("dies")
    family.signal(signal.SIGHUP)
    await until(lambda: family.says("rolling_restart_given_up"), "it is given up")
    assert family.living == old


async def test_a_process_that_is_never_ready_is_given_up(begin: Begin) -> None:
    family = await begin(1, READY_SECONDS=0.3)
    old = family.started
    family.behave("slow")
    family.signal(signal.SIGHUP)
    await until(lambda: family.says("rolling_restart_given_up"), "it is given up")
    assert family.living == old


async def test_one_that_dies_while_its_replacement_starts_leaves_no_extra_process(
    begin: Begin,
) -> None:
    family = await begin(1)
    (old,) = family.started
    family.behave("slow")
    family.signal(signal.SIGHUP)
    await until(lambda: len(family.started) == 2, "the new one begins")
    os.kill(old, signal.SIGKILL)
    await until(lambda: len(family.started) == 3, "and one for the one that died")
    (family.folder / "go").touch()
    await until(lambda: family.says("rolling_restart_done"), "it is done")
    await until(lambda: len(family.living) == 1, "one place, one process")
    assert await family.stop() == 0
    assert family.living == []


async def test_siblings_are_forked_by_one_and_a_new_version_by_another(begin: Begin) -> None:
    family = await begin(2)
    (victim, _), (server, _) = family.started, family.fork_servers
    os.kill(victim, signal.SIGKILL)
    await family.ready(3)
    assert family.fork_servers == [server] * 3
    family.signal(signal.SIGHUP)
    await until(lambda: family.says("rolling_restart_done"), "all are replaced")
    *_, new, newest = family.fork_servers
    assert new == newest != server
    await until(lambda: not lives(server), "nobody needs it any more")
    assert await family.stop() == 0
    assert not lives(new)


async def test_a_forked_process_has_what_is_its_own_and_nothing_of_its_siblings(
    begin: Begin,
) -> None:
    family = await begin(3)
    for pid in family.started:
        found = {int(fd) for fd in (family.folder / f"open-{pid}").read_text().split()}
        # Life, ready, and the listing itself.
        assert len(found - {0, 1, 2}) == 3, found


async def test_when_a_fork_server_is_killed_others_take_the_places_of_its_processes(
    begin: Begin,
) -> None:
    family = await begin(2)
    old, (server, _) = family.started, family.fork_servers
    os.kill(server, signal.SIGKILL)
    await until(lambda: len(family.started) == 4, "others begin", 2 * REPLACED_SECONDS)
    await family.ready(4)
    assert family.says("fork_server_ended") == 1
    await until(lambda: not set(old) & set(family.living), "the old ones go")
    assert len(family.living) == 2
    assert await family.stop() == 0
    assert family.living == []


async def test_a_version_that_does_not_load_replaces_nobody_not_even_who_dies(
    begin: Begin,
) -> None:
    family = await begin(2)
    old = family.started
    broken = family.folder / "broken"
    broken.touch()
    family.signal(signal.SIGHUP)
    await until(lambda: family.says("rolling_restart_given_up"), "it is given up")
    assert family.living == old
    os.kill(old[0], signal.SIGKILL)
    await family.ready(3)
    assert len(family.living) == 2
    broken.unlink()
    family.signal(signal.SIGHUP)
    await until(lambda: family.says("rolling_restart_done"), "and once it loads, all are replaced")
    assert await family.stop() == 0


async def test_a_version_that_never_loads_is_tried_again_with_growing_pauses(
    begin: Begin, tmp_path: Path
) -> None:
    (tmp_path / "broken").touch()
    family = await begin(1, "unborn")
    await until(lambda: family.says("again_in_seconds") >= 3, "it is tried again")
    pauses = re.findall(r"again_in_seconds=([0-9.]+)", family.output())
    assert pauses[:3] == ["0.1", "0.2", "0.4"]
    family.behave("good")
    (tmp_path / "broken").unlink()
    await family.ready(1)
    assert await family.stop() == 0


async def test_a_machine_without_place_for_a_process_does_not_end_the_others(
    begin: Begin,
) -> None:
    family = await begin(2)
    (victim, other), (server, _) = family.started, family.fork_servers
    (family.folder / "crowded").touch()
    os.kill(victim, signal.SIGKILL)
    await until(lambda: family.says("exit code 71"), "it is refused")
    assert family.living == [other]
    (family.folder / "crowded").unlink()
    await family.ready(3)
    assert family.fork_servers == [server] * 3


async def test_stopped_while_it_loads_it_ends_at_once(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "heavy").touch()
    family = await begin(1, "unborn")
    await until(lambda: (tmp_path / "loads").exists(), "it loads")
    assert await family.stop() == 0
    assert "Traceback" not in family.output()


async def test_when_the_supervisor_is_killed_its_processes_go_too(begin: Begin) -> None:
    family = await begin(2)
    assert len(family.living) == 2
    (server, _) = family.fork_servers
    family.signal(signal.SIGKILL)
    await until(lambda: not family.living, "they notice")
    await until(lambda: not lives(server), "and so does the one that forked them")


async def test_a_fork_server_whose_supervisor_left_without_reading_ends_without_a_fault() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = "import sys, socket; from notifier.fork_server import serve"
    program += "; serve(socket.socket(fileno=int(sys.argv[1])))"
    fd = theirs.fileno()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(fd), pass_fds=(fd,), stderr=asyncio.subprocess.PIPE
    )
    theirs.close()
    # It has said that it is ready, which nobody reads: for the other end that is a reset.
    ours.setblocking(False)
    await until(lambda: select.select([ours], [], [], 0)[0], "it is ready")
    ours.close()
    _, said = await server.communicate()
    assert (server.returncode, said) == (0, b"")


async def test_a_real_server_answers_through_all_of_it(serve: Serve, people: People) -> None:
    server = await serve(NOTIFIER_DRAIN_SECONDS=1)
    harry, gitau = await people("harry", "gitau", on=server)
    first = server.workers()
    answered: list[int] = []

    async def keep_asking() -> None:
        while True:
            answered.append((await request(server.port, "GET", "/healthz")).status)
            await asyncio.sleep(PAUSE_SECONDS)

    async with gitau.stream() as stream:
        asking = asyncio.create_task(keep_asking())
        os.kill(server.pid, signal.SIGHUP)
        await until(
            lambda: "rolling_restart_done" in server.output(), "all are replaced", ROLLED_SECONDS
        )
        await stream.end()
        assert stream.source.retry_milliseconds is not None
        assert not asking.done(), "not one request was refused"
        asking.cancel()
        cursor = stream.source.last_event_id
    assert answered and set(answered) == {200}
    assert not set(first) & set(server.workers())
    await harry.send(gitau, "hello")
    async with gitau.stream(last_event_id=cursor) as stream:
        await stream.count(1)
        assert await server.stop() == 0
        await stream.end()
    assert "Traceback" not in server.output()
