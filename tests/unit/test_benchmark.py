"""The benchmark counts what it says it counts, and fails when a mark or an event is missed."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests import proc
from tests.patience import until

# Typed by the load client's own environment, which the app's does not have.
tally: Any = importlib.import_module("benchmark.tally")
figures: Any = importlib.import_module("benchmark.figures")
stalls: Any = importlib.import_module("benchmark.stalls")
kernel: Any = importlib.import_module("benchmark.kernel")
awake: Any = importlib.import_module("benchmark.awake")
cores: Any = importlib.import_module("benchmark.cores")
programs: Any = importlib.import_module("benchmark.programs")
turns: Any = importlib.import_module("benchmark.turns")
rounds: Any = importlib.import_module("benchmark.rounds")
pace: Any = importlib.import_module("benchmark.feeds.pace")

MS = 1_000_000
SENT = {(0, 1): 10 * MS, (0, 2): 20 * MS, (1, 1): 30 * MS}


@pytest.mark.parametrize(
    ("seen", "lost", "duplicated", "out_of_order"),
    [
        ([(0, 1), (1, 1), (0, 2)], 0, 0, 0),
        ([(0, 1), (1, 1)], 1, 0, 0),
        ([(0, 1), (0, 1), (1, 1), (0, 2)], 0, 1, 0),
        ([(0, 2), (0, 1), (1, 1)], 0, 0, 1),
        # The state with which a stream begins is nobody's event, and still has its place.
        ([(1, 7), (0, 1), (0, 2), (1, 1)], 0, 0, 1),
    ],
)
def test_each_fault_is_counted_as_what_it_is(
    seen: list[tuple[int, int]], lost: int, duplicated: int, out_of_order: int
) -> None:
    persons, sequences = zip(*seen, strict=True)
    counted = tally.count(SENT, persons, sequences, [40 * MS] * len(seen))
    assert (counted.lost, counted.duplicated, counted.out_of_order) == (
        lost,
        duplicated,
        out_of_order,
    )
    assert counted.received == len(SENT) - lost
    assert counted.max_ms == 30


def test_a_stall_of_the_host_shades_as_long_again_and_shadows_do_not_overlap() -> None:
    assert stalls.shadows([(50, 60), (0, 4), (5, 8)]) == [(0, 11), (50, 70)]


@pytest.mark.parametrize(
    ("shadows", "stalled", "calm_p99_ms"),
    [
        (None, None, None),
        ([], 0, 30.0),
        # The first was seen before it, the second was on its way, the third was sent after it.
        ([(12 * MS, 22 * MS)], 1, 8.0),
        ([(0, 9 * MS)], 0, 30.0),
        ([(0, 5 * MS), (12 * MS, 60 * MS)], 2, 1.0),
    ],
)
def test_what_was_on_its_way_while_the_host_held_a_core_back_is_told_apart(
    shadows: list[tuple[int, int]] | None, stalled: int | None, calm_p99_ms: float | None
) -> None:
    seen = [11 * MS, 50 * MS, 38 * MS]
    counted = tally.count(SENT, (0, 0, 1), (1, 2, 1), seen, shadows)
    assert (counted.stalled, counted.calm_p99_ms) == (stalled, calm_p99_ms)
    assert counted.p99_ms == 30, "of all, whatever the host did"


def line(**cpu_us: float | list[float | None]) -> list[dict[str, Any]]:
    """Growth points of 15,000 streams, by `p` and the number of processes."""
    clean = {"lost": 0, "duplicated": 0, "out_of_order": 0}
    return [
        {
            "streams": 15_000,
            "processes": int(name[1:]),
            "deliver": {"cpu_us_of_rounds": costs if isinstance(costs, list) else [costs], **clean},
            "failures": {},
        }
        for name, costs in cpu_us.items()
    ]


def test_only_the_gateway_is_held_to_the_growth_that_is_allowed() -> None:
    growth = {
        "gateway": {"processes": line(p1=30, p2=33, p4=39)},
        "bare": {"processes": line(p1=20, p4=40)},
    }
    results = {"doors": {}, "load": {"rate": 1}, "growth": growth}
    assert figures.missed(results) == []
    growth["gateway"]["processes"] = line(p1=30, p4=41)
    (missed,) = figures.missed(results)
    assert "from 1 to 4 processes" in missed and "×1.37" in missed


def test_a_factor_is_of_turns_that_were_taken_soon_after_each_other() -> None:
    """A lucky turn of one server is no growth of the other."""
    costs: Any = {"p1": [30.0, 20.0, 29.0, None, 20.0], "p4": [36.0, 34.0, 33.0, 40.0, 26.0]}
    grown = figures.growth_of({"processes": line(**costs)}, "processes")
    assert [round(factor, 2) for factor in grown.factors] == [1.2, 1.7, 1.14, 1.3]
    assert round(grown.factor, 3) == 1.25
    assert [round(one, 2) for one in grown.half] == [1.18, 1.4]
    assert figures.growth_of({"processes": line(p1=[None], p4=[30.0])}, "processes") is None


def test_an_event_lost_anywhere_in_the_growth_is_a_fault() -> None:
    growth = {"gateway": {"processes": line(p1=30)}, "bare": {"processes": line(p4=20)}}
    results = {"doors": {}, "load": {}, "growth": growth}
    assert figures.faults(results) == []
    growth["bare"]["processes"][0]["deliver"]["lost"] = 2
    assert figures.faults(results) == [
        "growth by processes, bare, 15000 streams, 4 processes: 2 lost"
    ]


# A run with servers that write down what happens to them; by a program of its own, because its load
# clients are forks of it. What must go wrong is its argument.
TURNS = """
import contextlib, json, os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from benchmark import turns
from benchmark.load import Load
from benchmark.programs import BenchError

run, trouble = os.getpid(), sys.argv[1]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

def note(*words):
    with Path("log").open("a") as log:
        print(*words, file=log)

class Door:
    title = "door"

    def prepare(self, persons):
        note("prepare", persons)

    @contextlib.contextmanager
    def open(self, streams, processes):
        if trouble == "no start" and processes == 4:
            raise BenchError("it does not start")
        note("open", streams, processes)
        try:
            yield streams, processes
        finally:
            note("close", streams, processes)

class Visit:
    def __init__(self, door, opened, load):
        self.load, self.opened, self.turns = load, opened, 0
        self.crowd = SimpleNamespace(drop=lambda: None)

    def warm_up(self):
        pass

    def connect(self):
        note("connect", *self.opened)

    def serve_until(self, done):
        while not done():
            pass

    def deliver(self, seconds):
        self.turns += 1
        note("turn", *self.opened)
        if trouble == "run killed":
            os.kill(run, signal.SIGKILL)
        if trouble == "client killed":
            os.kill(os.getpid(), signal.SIGKILL)
        streams, processes = self.opened
        return {"cpu_us": processes * 10 + self.turns, "sent": 5}

    def failures(self):
        return {"refused": 1}

turns.Visit = Visit
load = Load(growth_streams=(10, 20), growth_processes=(1, 4), turns=3)
try:
    print(json.dumps(turns.growth(Door(), load)))
except BenchError as error:
    sys.exit(str(error))
"""


def take_turns(home: Path, trouble: str = "") -> tuple[subprocess.CompletedProcess[str], list[str]]:
    environment = os.environ | {"PYTHONPATH": str(Path(turns.__file__).parents[1])}
    command = [sys.executable, "-c", TURNS, trouble]
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return done, (home / "log").read_text().splitlines()


def test_what_grows_is_open_at_the_same_time_and_is_measured_in_turns(tmp_path: Path) -> None:
    done, log = take_turns(tmp_path)
    assert done.returncode == 0, done.stderr
    one, four = "20 1", "20 4"
    last = log[log.index("close 10 1") + 1 :]
    assert log[0] == "prepare 20"
    assert last == [
        *(f"open {one}", f"connect {one}", f"open {four}", f"connect {four}"),
        *[f"turn {one}", f"turn {four}"] * 3,
        *(f"close {four}", f"close {one}"),
    ]
    grown = json.loads(done.stdout)
    assert [(p["streams"], p["processes"]) for p in grown["streams"]] == [(10, 1), (20, 1)]
    first, second = grown["processes"]
    assert first["deliver"] == {"cpu_us": 12, "cpu_us_of_rounds": [11, 12, 13], "sent": 15}
    assert second["deliver"]["cpu_us"] == 42, "the middle turn, and not the cheapest"
    assert first["failures"] == {"refused": 3}


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("no start", "it does not start"), ("client killed", "a load client ended")],
)
def test_a_server_without_a_turn_ends_the_run_and_the_other_servers(
    trouble: str, said: str, tmp_path: Path
) -> None:
    done, log = take_turns(tmp_path, trouble)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(said)
    opened = sum(words.startswith("open") for words in log)
    # Whoever was killed could close nothing.
    assert sum(words.startswith("close") for words in log) == opened - (trouble == "client killed")


async def test_a_run_that_is_killed_leaves_no_load_client_behind(tmp_path: Path) -> None:
    take_turns(tmp_path, "run killed")
    log = tmp_path / "log"
    await until(lambda: log.read_text().count("close") == 2, "both servers closed")


SLEEPER = """
import sys, time
for _ in sys.stdin:
    for _ in range(50):
        time.sleep(0.001)
    print(flush=True)
"""


def test_a_process_that_sleeps_is_known_by_its_wakes() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sleeper:
        assert sleeper.stdin is not None and sleeper.stdout is not None
        for line in ("once\n", "once more\n"):
            before = kernel.usage(sleeper.pid)
            sleeper.stdin.write(line)
            sleeper.stdin.flush()
            sleeper.stdout.readline()
        assert 50 <= (kernel.usage(sleeper.pid) - before).wakes < 100
        sleeper.stdin.close()


BURNER = """
import sys, threading, time
def burn():
    while time.process_time() < 0.1:
        pass
thread = threading.Thread(target=burn)
thread.start()
thread.join()
print(time.process_time(), flush=True)
sys.stdin.read()
"""


def test_what_a_process_ran_for_is_known_to_less_than_a_tick_its_ended_threads_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as burner:
        assert burner.stdin is not None and burner.stdout is not None
        told = float(burner.stdout.readline())
        assert 0 <= kernel.cpu_seconds(burner.pid) - told < 0.5 / kernel.TICKS_PER_SECOND
        burner.stdin.close()
    assert kernel.cpu_seconds(burner.pid) == 0.0, "it is gone"


@pytest.mark.parametrize(
    ("state", "device", "wanted", "how"),
    [
        ("POLL\n", True, True, "polling"),
        ("POLL\n", False, True, "turning"),
        ("C1\n", True, True, "turning"),
        (None, True, True, "turning"),
        ("POLL\n", True, False, "no"),
    ],
)
def test_cores_are_kept_awake_as_the_kernel_lets_it(
    state: str | None,
    device: bool,
    wanted: bool,
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in (("FIRST_IDLE_STATE", state), ("LATENCY", "" if device else None)):
        monkeypatch.setattr(awake, name, tmp_path / name)
        if content is not None:
            (tmp_path / name).write_text(content)
    others = set(proc.leaves(os.getpid())) | {os.getpid()}
    with awake.awake(wanted) as kept:
        assert kept == how
        keepers = set(proc.leaves(os.getpid())) - others
        assert len(keepers) == (len(os.sched_getaffinity(0)) if how == "turning" else 0)
    assert set(proc.leaves(os.getpid())) <= others
    if device:
        asked = (tmp_path / "LATENCY").read_bytes()
        assert asked == (bytes(4) if how == "polling" else b"")


@pytest.mark.parametrize(
    ("available", "load", "servers"),
    [
        ({0}, {0}, {0}),
        ({0, 1}, {0}, {1}),
        ({2, 3, 5}, {2}, {3, 5}),
        (set(range(16)), {0, 1, 2, 3}, set(range(4, 16))),
    ],
)
def test_the_load_has_cores_of_its_own_where_there_are_some(
    available: set[int], load: set[int], servers: set[int]
) -> None:
    found = cores.divided(frozenset(available))
    assert (found.load, found.servers) == (load, servers)
    assert found.all == sorted(available)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_server_runs_on_the_servers_cores_and_a_feed_with_the_load(
    wanted: bool, tmp_path: Path
) -> None:
    before = os.sched_getaffinity(0)
    waits = [sys.executable, "-c", "input()"]
    with cores.apart(wanted) as found:
        assert os.sched_getaffinity(0) == found.load
        with programs.program(["sleep", "60"], tmp_path) as server:
            assert os.sched_getaffinity(server.pid) == found.servers
        with subprocess.Popen(waits, stdin=subprocess.PIPE) as feed:
            assert os.sched_getaffinity(feed.pid) == found.load
            feed.communicate(b"\n")
        said = programs.run_to_end(
            [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], tmp_path, {}
        )
        assert said.strip() == str(set(found.servers))
        assert cores.kept() == found
        if not wanted:
            assert found.load == found.servers == before
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_feed_keeps_to_whole_bursts(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Half a burst now and half a moment later would wake everybody twice."""
    log: list[tuple[list[int], int, list[int]]] = []

    async def publish(persons: list[int]) -> tuple[int, list[int]]:
        return 0, [1] * len(persons)

    turn = pace._around(list(range(100)))
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(pace._evenly(3_000, 0.1, turn, 12, publish, log))
    assert sum(len(batch) for batch, _, _ in log) == 300
    assert {len(batch) for batch, _, _ in log} <= {6, 12}


def delivered(cpu_us: float | None, p99_ms: float, lost: int = 0, late: bool = False) -> Any:
    return {
        "cpu_us": cpu_us,
        "redis_us": None if cpu_us is None else cpu_us / 10,
        "p99_ms": p99_ms,
        "calm_p99_ms": None,
        "max_ms": p99_ms * 2,
        "sent": 100,
        "lost": lost,
        "rate": 3_000 - lost,
        "client": {"share": 0.5, "was_bottleneck": late},
    }


def test_of_several_rounds_nothing_bad_is_left_out() -> None:
    """What the machine adds to a cost is not the server's; what was lost in one round was lost."""
    found = rounds.combined(
        [delivered(50, 1.0, lost=2), delivered(30, 9.0), delivered(None, 2.0, late=True)]
    )
    assert (found["cpu_us"], found["redis_us"]) == (30, 3), "both of the cheapest round"
    assert found["cpu_us_of_rounds"] == [50, 30, None]
    assert (found["p99_ms"], found["calm_p99_ms"], found["max_ms"]) == (2.0, None, 18.0)
    assert (found["sent"], found["lost"], found["rate"]) == (300, 2, 2_998)
    assert found["client"]["was_bottleneck"]
    assert rounds.failures([{"failures": {"refused": 1}}, {"failures": {"refused": 2}}]) == {
        "refused": 3
    }


def test_a_new_figure_needs_a_rule_for_several_rounds() -> None:
    with pytest.raises(KeyError, match="novelty"):
        rounds.combined([{"cpu_us": 1, "novelty": 2}])
