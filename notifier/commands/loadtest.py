"""`notifier loadtest`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

RATE_LIMITED = "status 429"


@click.command()
@click.argument("url")
@click.option("--people", default=20, show_default=True, type=click.IntRange(2, 10_000))
@click.option("--streams", default=100, show_default=True, type=click.IntRange(1, 500_000))
@click.option("--messages", default=500, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--rate", default=50.0, show_default=True, help="Messages a second.")
@click.option("--wait", default=20.0, show_default=True, help="Seconds to wait for the last ones.")
@click.option("--stream-url", default="", help="Where streams are, if not where the pages say.")
@click.option("--ca", default="", type=click.Path(dir_okay=False), help="Certificates to trust.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def loadtest(
    url: str, people: int, streams: int, messages: int, rate: float, wait: float,
    stream_url: str, ca: str, as_json: bool,
) -> None:  # fmt: skip
    """Sign in demo people at URL, hold streams, send messages, and count what came of it.

    The site needs its demo people (`notifier seed --people N`) and NOTIFIER_RATE_LIMITS=off. Never
    do this where people are: it writes messages. The times are from the send to the arrival in a
    window. Exit code 1 when anything was lost, duplicated, out of order or refused.
    """
    from notifier.loadtest import Course, Load

    load = Load(people, streams, messages, rate, wait, authority=ca, stream_url=stream_url)
    with _Bar() as bar:
        try:
            tally = asyncio.run(Course(url, load, bar.show).run())
        except ExceptionGroup as group:
            # Everybody fails in the same way; the first one says it.
            raise _first(group) from None
    figures = tally.figures()
    if as_json:
        import orjson

        click.echo(orjson.dumps({**figures, "reasons": dict(tally.refused)}))
    else:
        for name, value in figures.items():
            unit = " ms" if name.endswith("_ms") else ""
            click.echo(f"{name.removesuffix('_ms').replace('_', ' '):>14}  {value}{unit}")
        for reason, count in tally.refused.most_common():
            click.echo(f"                {count} × {reason}")
        if any(RATE_LIMITED in reason for reason in tally.refused):
            click.echo("Serve the site with NOTIFIER_RATE_LIMITS=off to test its load.")
    sys.exit(1 if tally.faults else 0)


def _first(group: ExceptionGroup[Exception]) -> Exception:
    one = group.exceptions[0]
    return _first(one) if isinstance(one, ExceptionGroup) else one


class _Bar:
    """A bar for each part of the run, on the terminal where there is one."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description:20}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bar:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, part: str, done: int, total: int) -> None:
        """How far a part of the run is."""
        if part not in self._tasks:
            self._tasks[part] = self._bars.add_task(part, total=total)
        self._bars.update(self._tasks[part], completed=done)
