"""`notifier top`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import click

from notifier.commands import configured
from notifier.errors import NotifierError

if TYPE_CHECKING:
    from rich.table import Table

    from notifier.readings import Reading, Row

ANSWER_SECONDS = 5.0
COLUMNS = (
    "process", "streams", "behind", "delivered/s", "published/s", "late p99", "lag p99",
    "repairs", "bus", "CPU", "memory",
)  # fmt: skip
NOWHERE = (
    "Say where the figures are: notifier top URL…, or set NOTIFIER_METRICS_BIND, which makes "
    "`notifier serve` and `notifier gateway` answer there."
)


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option("--interval", default=2.0, show_default=True, type=click.FloatRange(0.2, 60.0))
@click.option("--once", is_flag=True, help="Show one interval and end.")
def top(urls: tuple[str, ...], interval: float, once: bool) -> None:
    """Watch every process: streams, events, who is behind, what was late, what was repaired.

    Each URL is a NOTIFIER_METRICS_BIND, one for each machine; without any it is this machine's.
    With --once, exit code 1 when a process or an address does not answer. Late is the time from
    an event's commit to its stream, lag how late a process gets to its work; 99 of 100 took at
    most so long since the last look.
    """
    from rich.console import Console
    from rich.live import Live

    settings = configured()
    places = [_place(url) for url in urls or (settings.metrics_bind,) if url]
    if not places:
        raise NotifierError(NOWHERE)
    watching = _Watching(places, settings.metrics_token)
    watching.look()
    # A pipe has no width of its own, and a line that is cut tells nothing.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    if once:
        time.sleep(interval)
        table = watching.look()
        console.print(table)
        sys.exit(0 if watching.all_up else 1)
    with Live(console=console, refresh_per_second=4) as live:
        try:
            while True:
                time.sleep(interval)
                live.update(watching.look(), refresh=True)
        except KeyboardInterrupt:
            return


def _place(url: str) -> str:
    url = url if "://" in url else f"http://{url}"
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/metrics"


class _Watching:
    """Looks at all places, and remembers the last look."""

    def __init__(self, places: list[str], token: str) -> None:
        self._places = places
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._before: dict[str, dict[str, Reading]] = {}
        self._at: dict[str, float] = {}
        self.all_up = False

    def look(self) -> Table:
        """A table of how it is now."""
        from rich.table import Table

        table = Table(*COLUMNS, box=None, header_style="bold")
        for column in table.columns[1:]:
            column.justify = "right"
        self.all_up = True
        for place in self._places:
            prefix = f"{urlsplit(place).netloc} " if len(self._places) > 1 else ""
            rows = self._rows(place)
            if rows is None:
                self.all_up = False
                table.add_row(f"{prefix or place} does not answer", style="red")
                continue
            for row in rows:
                self.all_up = self.all_up and row.up
                _add(table, prefix, row)
        return table

    def _rows(self, place: str) -> list[Row] | None:
        from notifier import readings

        try:
            # The scheme is the operator's own, and it is their machine.
            asked = Request(place, headers=self._headers)  # noqa: S310
            with urlopen(asked, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                text = answer.read().decode()
        except (URLError, OSError, ValueError):
            self._before.pop(place, None)
            return None
        now = time.monotonic()
        found = readings.read(text, urlsplit(place).netloc)
        before, self._before[place] = self._before.get(place, {}), found
        seconds, self._at[place] = now - self._at.get(place, now), now
        return [readings.row(before.get(name), one, seconds) for name, one in found.items()]


def _add(table: Table, prefix: str, row: Row) -> None:
    if not row.up:
        table.add_row(f"{prefix}{row.process} does not answer", style="red")
        return
    table.add_row(
        f"{prefix}{row.process}",
        f"{row.streams:,}",
        f"{row.behind:,}",
        f"{row.delivered_per_second:,.0f}",
        f"{row.published_per_second:,.0f}",
        _milliseconds(row.lateness_ms),
        _milliseconds(row.lag_ms),
        f"{row.repairs:,}",
        f"ok {row.canary_age_seconds:.0f} s" if row.bus_up else "away",
        f"{row.cpu_percent:.0f} %",
        f"{row.memory_mib:,.0f} MiB",
        style="" if row.bus_up else "yellow",
    )


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    return "> 30 s" if value == float("inf") else f"≤ {value:g} ms"
