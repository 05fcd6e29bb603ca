"""The check that every test of delivery ends with.

Exact: each window saw each event that still mattered once and in order, the count it shows is the
count in the table, and what a sender was told is true. The table is read by SQL of the tests' own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from notifier.database import Database
from tests.crowd import settings_of
from tests.patience import CEILING_SECONDS, until
from tests.processes import Server
from tests.sender import Sender
from tests.window import Window

_MESSAGES = text("SELECT recipient_id, sequence, body FROM message ORDER BY 1, 2")
_UNREAD = text(
    "SELECT recipient_id, count(*) AS unread FROM message WHERE read_at IS NULL GROUP BY 1"
)
_KEPT = text("SELECT recipient_id, sequence FROM notification WHERE name = 'message' ORDER BY 1, 2")


@dataclass(frozen=True)
class Truth:
    """What the tables say, by recipient."""

    messages: dict[int, list[tuple[int, str]]]
    unread: dict[int, int]
    logged: dict[int, list[int]]


async def truth(server: Server) -> Truth:
    database = Database(settings_of(server))
    messages: dict[int, list[tuple[int, str]]] = {}
    logged: dict[int, list[int]] = {}
    try:
        async with database.read() as connection:
            for row in await connection.execute(_MESSAGES):
                messages.setdefault(row.recipient_id, []).append((row.sequence, row.body))
            for row in await connection.execute(_KEPT):
                logged.setdefault(row.recipient_id, []).append(row.sequence)
            unread = {row.recipient_id: row.unread for row in await connection.execute(_UNREAD)}
    finally:
        await database.close()
    return Truth(messages, unread, logged)


async def exact(
    server: Server,
    windows: Sequence[Window],
    senders: Sequence[Sender] = (),
    *,
    within: float = CEILING_SECONDS,
) -> None:
    """All windows are exact, now or `within` seconds; nothing was twice or out of order, ever.

    The senders have stopped; a send that still waits for its answer is waited for.
    """
    await until(lambda: not any(one.under_way for one in senders), "the last send's answer")
    found = await truth(server)
    for recipient_id, stored in found.messages.items():
        assert [sequence for sequence, _ in stored] == found.logged.get(recipient_id), (
            f"messages and the log of person {recipient_id} differ"
        )
    for sender in senders:
        _told_the_truth(sender, found)

    def short() -> list[str]:
        return [why for window in windows if (why := _short(window, found))]

    def nobody_short() -> bool:
        return not short()

    try:
        await until(nobody_short, "every window has what is in the table", within)
    except AssertionError as error:
        lacking = short()
        raise AssertionError(f"{error}: {len(lacking)} windows, such as {lacking[:3]}") from None
    for window in windows:
        _never_twice_always_in_order(window, found)


def _expected(window: Window, found: Truth) -> list[tuple[int, str]]:
    stored = found.messages.get(window.who.id, [])
    return [(sequence, body) for sequence, body in stored if sequence > window.cursor]


def _short(window: Window, found: Truth) -> str:
    """What a window still lacks; "" when nothing."""
    missing = len(_expected(window, found)) - len(window.messages)
    unread = found.unread.get(window.who.id, 0)
    if missing > 0:
        return f"{window.who.username} at {window.port} lacks {missing} messages"
    if window.shown != unread:
        return f"{window.who.username} at {window.port} shows {window.shown} instead of {unread}"
    return ""


def _never_twice_always_in_order(window: Window, found: Truth) -> None:
    name, sequences = window.who.username, window.sequences
    twice = [sequence for sequence, times in Counter(sequences).items() if times > 1]
    assert not twice, f"{name} at {window.port} saw {twice[:5]} more than once"
    assert sequences == sorted(sequences), f"{name} at {window.port}: out of order {sequences}"
    assert window.messages == _expected(window, found), f"{name} saw other messages than were sent"
    assert not window.surprises, f"{name} at {window.port} was told {window.surprises}"


def _told_the_truth(sender: Sender, found: Truth) -> None:
    """Stored once what was confirmed, at most once what was not, in the order of sending."""
    stored = [
        body
        for theirs in found.messages.values()
        for _, body in theirs
        if body.startswith(sender.mark)
    ]
    times = Counter(stored)
    lost = [body for body in sender.confirmed if times[body] == 0]
    assert not lost, f"confirmed and not stored: {lost[:5]}"
    twice = [body for body, count in times.items() if count > 1]
    assert not twice, f"stored more than once: {twice[:5]}"
    refused_but_stored = [body for body in sender.refused if body in times]
    assert not refused_but_stored, f"refused and stored all the same: {refused_but_stored[:5]}"
    order = {body: place for place, body in enumerate(sender.tried)}
    for theirs in found.messages.values():
        places = [order[body] for _, body in theirs if body in order]
        assert places == sorted(places), "stored in another order than sent"
