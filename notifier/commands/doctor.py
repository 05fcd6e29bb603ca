"""`notifier doctor`."""

from __future__ import annotations

import asyncio
import sys

import click

from notifier.commands import configured

COLOURS = {"ok": "green", "note": "yellow", "WRONG": "red"}


@click.command()
@click.option("--url", metavar="URL", help="Also look from outside. [default: NOTIFIER_PUBLIC_URL]")
@click.option("--no-url", is_flag=True, help="Do not look from outside.")
def doctor(url: str | None, no_url: bool) -> None:
    """Look at everything that an operator forgets, and say what to do about it.

    The settings, the open files, the database, Redis, the clocks, and at the public address TLS,
    HTTP/2 and whether a proxy holds streams back. Changes nothing. Exit code 1 when something is
    wrong, 0 when there are only notes.
    """
    from notifier.doctor import Finding, State, examine

    settings = configured()
    asked = "" if no_url else url or settings.public_url

    async def work() -> list[Finding]:
        found = []
        async for finding in examine(settings, asked):
            mark = click.style(f"{finding.state.value:>5}", fg=COLOURS[finding.state.value])
            click.echo(f"{mark}  {finding.what}: {finding.found}")
            if finding.cure:
                click.echo(f"       → {finding.cure}")
            found.append(finding)
        return found

    wrong = [one for one in asyncio.run(work()) if one.state is State.WRONG]
    click.echo(f"{len(wrong)} wrong." if wrong else "Nothing is wrong.")
    sys.exit(1 if wrong else 0)
