"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from benchmark import figures, progress, report
from benchmark.doors import DOORS
from benchmark.load import MEASUREMENTS, Load
from benchmark.pictures import pictures
from benchmark.programs import BenchError
from benchmark.run import run

EPILOG = """\
Exit code: 0; 1 if an event was lost, duplicated or out of order, or a stream was refused;
2 if the run could not be made. Figures are CPU time and memory of the server's processes and its
Redis, by the kernel's accounting; the load client and the feed are not in them. Of several rounds
the cheapest counts, for times the middle one, and whatever was lost in any. Servers whose growth is
measured are open at once and take turns, and the middle turn counts. Wall-clock time is used
for latency and for the storm alone, so let the machine do nothing else meanwhile.
"""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    load = Load()
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures Notifier's doors beside what people would use instead.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="small numbers, for tests: the figures mean little")
    add("--only", action="append", choices=MEASUREMENTS, help="measure only this; may be repeated")
    add("--door", action="append", choices=DOORS, help="visit only this door; may be repeated")
    add("--streams", type=int, help=f"streams held (default {load.streams:,})")
    add("--rate", type=float, help=f"events a second (default {load.rate:,.0f})")
    add(
        "--seconds", type=float, help=f"seconds of events at each door (default {load.seconds:.0f})"
    )
    add("--rounds", type=int, help=f"visits to each server, in turns (default {load.rounds})")
    add("--turns", type=int, help=f"turns of each server that grows (default {load.turns})")
    add("--messages", type=int, help=f"messages sent by each way (default {load.messages:,})")
    add("--let-halt", action="store_true", help="let cores halt that have nothing to do")
    add("--share-cores", action="store_true", help="let the load run on the servers' cores too")
    add("--json", type=Path, metavar="PATH", help="write the raw figures here")
    add("--markdown", type=Path, metavar="PATH", help="write the tables here, for the docs")
    add("--charts", type=Path, metavar="DIR", help="write one SVG per measurement here")
    return parser.parse_args(arguments)


def load_of(options: argparse.Namespace) -> Load:
    load = Load().quick() if options.quick else Load()
    named = ("streams", "rate", "seconds", "rounds", "turns", "messages")
    given = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    load = replace(load, **given, awake=not options.let_halt, apart=not options.share_cores)
    load.check()
    return load


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    # As Ctrl-C does: what the run has started ends with it, or it would spoil the next one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    doors = [make() for name, make in DOORS.items() if name in (options.door or DOORS)]
    try:
        results = run(load_of(options), doors, set(options.only or MEASUREMENTS))
    except BenchError as error:
        progress.end()
        sys.stderr.write(f"{error}\n")
        return 2
    progress.end()
    sys.stdout.write(report.as_text(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    if options.markdown:
        options.markdown.write_text(report.as_markdown(results))
    if options.charts:
        options.charts.mkdir(parents=True, exist_ok=True)
        for name, svg in pictures(results).items():
            (options.charts / f"{name}.svg").write_text(svg)
    return 1 if figures.faults(results) else 0


if __name__ == "__main__":
    sys.exit(main())
