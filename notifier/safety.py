"""Who may write to whom, and whom somebody does not see: asked where a message is stored or a list
is read, never anywhere else.

Whoever is blocked is not told. Their message is stored, numbered and answered like any other; it
is only *withheld*: its `message` event is not recorded, and every query of the recipient's leaves
it out, for good. So words, status, sequence and time are the same on both sides of a block. (The
rejected choice, refusing with some other sentence, tells by the difference.) A message of somebody
who is muted arrives, *quiet*: it rings as `quiet_message`, which no toast, sound or push listens
to, and does not count in the badge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from notifier.errors import Forbidden, Refused
from notifier.models import AnyRow, AnySelect, Tie, User
from notifier.one_of import PairsByDialect

EVERYONE, KNOWN, NOBODY = "everyone", "known", "nobody"
WHO_MAY_WRITE = (EVERYONE, KNOWN, NOBODY)
DAY_SECONDS = 86_400

Pair = tuple[int, int]


class Letter(NamedTuple):
    """Somebody wants to write to somebody who lets `who_may_write` write."""

    sender_id: int
    recipient_id: int
    recipient: str
    who_may_write: str


class Verdict(NamedTuple):
    """How a letter that is taken reaches its recipient."""

    withheld: bool = False
    quiet: bool = False


def hidden_from(person_id: int | BindParameter[int]) -> AnySelect:
    """The ids of those whom a person has blocked, for `column.not_in(...)` in a list's query."""
    return select(Tie.other_id).where(Tie.person_id == person_id, Tie.blocked_at.is_not(None))


def has_blocked(
    person_id: InstrumentedAttribute[int], other_id: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    """Whether one of the enclosing query's people has blocked another of them."""
    return exists(
        select(literal(1)).where(
            Tie.person_id == person_id, Tie.other_id == other_id, Tie.blocked_at.is_not(None)
        )
    )


async def find_tie(connection: AsyncConnection, person_id: int, other_id: int) -> AnyRow | None:
    """What a person has done about another: `wrote_at, blocked_at, muted_at`, or nothing yet."""
    result = await connection.execute(
        select(Tie.wrote_at, Tie.blocked_at, Tie.muted_at).where(
            Tie.person_id == person_id, Tie.other_id == other_id
        )
    )
    return result.one_or_none()


_TIES = PairsByDialect(
    lambda pair_of: select(
        Tie.person_id, Tie.other_id, Tie.wrote_at, Tie.blocked_at, Tie.muted_at
    ).join(*pair_of(Tie.person_id, Tie.other_id))
)


async def judge(
    connection: AsyncConnection, letters: Sequence[Letter], now: float, *, strangers_most: int
) -> list[Verdict | Refused]:
    """What becomes of each letter, in the transaction that stores them.

    One query for all of them, and more only where somebody writes to somebody for the first
    time: such a first time is noted here. `strangers_most` is per day; 0 for no limit.
    """
    pairs = {(one.sender_id, one.recipient_id) for one in letters}
    both_ways = pairs | {(to, sender) for sender, to in pairs}
    rows = await connection.execute(*_TIES(connection.dialect.name, both_ways))
    ties: dict[Pair, AnyRow] = {(row.person_id, row.other_id): row for row in rows}
    strangers = _Strangers(strangers_most, now)
    await strangers.look_up(connection, {one.sender_id for one in letters if _is_new(one, ties)})
    first: dict[Pair, bool] = {}
    answers: list[Verdict | Refused] = []
    for one in letters:
        back = ties.get((one.recipient_id, one.sender_id))
        known = back is not None and back.wrote_at is not None
        refusal = _refusal(one, ties, known)
        pair = (one.sender_id, one.recipient_id)
        if refusal is None and _is_new(one, ties) and pair not in first:
            refusal = None if known else strangers.spend(one.sender_id)
            if refusal is None:
                first[pair] = not known
        if refusal is not None:
            answers.append(refusal)
            continue
        blocked = back is not None and back.blocked_at is not None
        muted = back is not None and back.muted_at is not None
        answers.append(Verdict(withheld=blocked, quiet=blocked or muted))
    await _note_first(connection, first, now)
    return answers


def _is_new(one: Letter, ties: dict[Pair, AnyRow]) -> bool:
    tie = ties.get((one.sender_id, one.recipient_id))
    return tie is None or tie.wrote_at is None


def _refusal(one: Letter, ties: dict[Pair, AnyRow], known: bool) -> Refused | None:
    tie = ties.get((one.sender_id, one.recipient_id))
    if tie is not None and tie.blocked_at is not None:
        return Forbidden(
            "You have blocked %(name)s. Unblock them to write to them.",
            field="message",
            name=one.recipient,
        )
    if one.who_may_write == NOBODY:
        return Forbidden(
            "%(name)s takes no messages at present.", field="message", name=one.recipient
        )
    if one.who_may_write == KNOWN and not known:
        return Forbidden(
            "%(name)s takes messages only from people they have written to.",
            field="message",
            name=one.recipient,
        )
    return None


class _Strangers:
    """How many people who had never written to them each sender has written to within a day.

    On PostgreSQL two transactions at once may each let the last one pass: one too many of fifty
    does no harm, and a lock on every sender would.
    """

    def __init__(self, most: int, now: float) -> None:
        self._most, self._now = most, now
        self._spent: dict[int, int] = {}

    async def look_up(self, connection: AsyncConnection, senders: Iterable[int]) -> None:
        ids = list(senders)
        if not self._most or not ids:
            return
        rows = await connection.execute(
            select(Tie.person_id, func.count())
            .where(Tie.person_id.in_(ids), Tie.to_stranger, Tie.wrote_at > self._now - DAY_SECONDS)
            .group_by(Tie.person_id)
        )
        self._spent = {row[0]: row[1] for row in rows}

    def spend(self, sender_id: int) -> Refused | None:
        """Count one more stranger, or say why not."""
        if not self._most:
            return None
        spent = self._spent.get(sender_id, 0)
        if spent < self._most:
            self._spent[sender_id] = spent + 1
            return None
        # Not 429: whoever keeps a message to send it again would keep it for a day.
        return Forbidden(
            "You have written to many new people today: please go on tomorrow. Whom you know and "
            "who has written to you, you can write to at any time.",
            field="message",
        )


async def _note_first(connection: AsyncConnection, first: dict[Pair, bool], now: float) -> None:
    if not first:
        return
    rows: list[dict[str, object]] = [
        {"person_id": a, "other_id": b, "wrote_at": now, "to_stranger": stranger}
        for (a, b), stranger in sorted(first.items())
    ]
    await upsert_ties(connection, rows, "wrote_at", "to_stranger")


async def upsert_ties(
    connection: AsyncConnection, rows: Sequence[Mapping[str, object]], *columns: str
) -> None:
    """Set `columns` of ties, which need not be there yet."""
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[connection.dialect.name]
    statement = dialect.insert(Tie)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[Tie.person_id, Tie.other_id],
            set_={column: statement.excluded[column] for column in columns},
        ),
        [dict(row) for row in rows],
    )


async def who_may_write(connection: AsyncConnection, person_id: int) -> str:
    """One of `WHO_MAY_WRITE`."""
    result = await connection.execute(select(User.who_may_write).where(User.id == person_id))
    return result.scalar_one_or_none() or EVERYONE


async def set_who_may_write(connection: AsyncConnection, person_id: int, who: str) -> None:
    """Raises `Refused` for what is no choice."""
    if who not in WHO_MAY_WRITE:
        raise Refused("Choose who may write to you.", field="who_may_write")
    await connection.execute(update(User).where(User.id == person_id).values(who_may_write=who))


def is_blocked(tie: AnyRow | None) -> bool:
    """Whether a tie, as `find_tie` found it, hides the other from its person."""
    return tie is not None and tie.blocked_at is not None
