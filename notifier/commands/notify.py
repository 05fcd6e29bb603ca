"""`notifier notify`: any program, or an operator, tells a person something."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click
import orjson

from notifier.commands import configured

# The bus carries it in one message, beside a few others; far below its bound.
PAYLOAD_MAX_BYTES = 16 * 1024


@click.command()
@click.argument("username")
@click.argument("name")
@click.argument("payload")
@click.option(
    "--kept/--state",
    default=False,
    help="Kept: it stays in the log. State: it replaces the last of its name.  [default: state]",
)
def notify(username: str, name: str, payload: str, kept: bool) -> None:
    """Tell a person something: their bell counts it, their open pages show it at once.

    NAME says which kind of notification it is: letters, digits, '_', '-' and '.'. PAYLOAD is
    JSON, or - to read it from standard input. Of an object the notification centre shows
    "title", "text" and "link" (a path of this site); a text alone is shown as it is.

    \b
    notifier notify harry announcement '{"title": "Back at noon", "text": "We move."}' --kept
    notifier notify harry export_progress '{"percent": 40}'

    Exit codes: 0 recorded (open pages are told within the reconcile period at worst), 1 there is
    no such person or the database is away, 2 NAME or PAYLOAD is wrong, 3 the settings or the
    tables are.
    """
    value = _payload(payload)
    try:
        sequence = asyncio.run(_record(username, name, value, kept))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    click.echo(f"Notification {sequence} of {username} is recorded and published.")


def _payload(given: str) -> Any:
    text = sys.stdin.buffer.read(PAYLOAD_MAX_BYTES + 1) if given == "-" else given.encode()
    if len(text) > PAYLOAD_MAX_BYTES:
        raise click.BadParameter(
            f"it is larger than {PAYLOAD_MAX_BYTES} bytes.", param_hint="PAYLOAD"
        )
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"it is not JSON: {error}", param_hint="PAYLOAD") from None


async def _record(username: str, name: str, payload: Any, kept: bool) -> int:
    from notifier import schema
    from notifier.engine import Engine
    from notifier.telling import tell

    engine = Engine(configured())
    try:
        await schema.check(engine.database)
        await engine.bus.start(engine.hub)
        return await tell(engine, username, name, payload, kept=kept)
    finally:
        await engine.stop()
