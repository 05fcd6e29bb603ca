"""Reports to the moderators, and what they do about them.

The texts in question are copied into the report, so deleting them erases no evidence. The accused
never learns who reported them. Who may moderate is asked in the transaction that does it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from notifier import accounts, centre, sign_ins, texts
from notifier.errors import NotFound, Refused, TooMany
from notifier.events import Ended, Event
from notifier.languages import Sentence
from notifier.models import AnyRow, Message, Post, Report, ReportedText, User

REASON_MAX_CHARACTERS = 500
# As much as the bell shows of any notification.
WARNING_MAX_CHARACTERS = 200
# What a report can show of each kind: enough to judge by, little enough to be read.
TEXTS_MOST = 20
# Far more than anybody has reason for, few enough that nobody buries the moderators.
OPEN_REPORTS_MOST = 20
# Reports of one page for the moderators, the oldest first: that is the order to work in.
OPEN_SHOWN_MOST = 50
SUSPENDED_SHOWN_MOST = 200
WARNING = "warning"
DISMISSED, WARNED, SUSPENDED = "dismissed", "warned", "suspended"


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A report as a moderator sees it: a row with names, and the copied texts."""

    row: AnyRow
    texts: Sequence[AnyRow]


async def texts_of(connection: AsyncConnection, reporter_id: int, accused_id: int) -> list[AnyRow]:
    """What somebody can report of another, newest first: `kind, id, body, written_at`."""
    sent = await connection.execute(
        select(Message.id, Message.body, Message.sent_at.label("written_at"))
        .add_columns(literal("message").label("kind"))
        .where(
            Message.sender_id == accused_id,
            Message.recipient_id == reporter_id,
            ~Message.withheld,
        )
        .order_by(Message.id.desc())
        .limit(TEXTS_MOST)
    )
    posted = await connection.execute(
        select(Post.id, Post.body, Post.posted_at.label("written_at"))
        .add_columns(literal("post").label("kind"))
        .where(Post.author_id == accused_id)
        .order_by(Post.id.desc())
        .limit(TEXTS_MOST)
    )
    return [*sent, *posted]


async def report(
    connection: AsyncConnection,
    reporter_id: int,
    username: str,
    reason: str,
    chosen: Sequence[tuple[str, int]],
) -> int:
    """Store a report with copies of the `chosen` texts (kind, id); its number.

    Only texts that the reporter can see are copied. Raises `Refused`, `NotFound`, `TooMany`.
    """
    reason = texts.clean(
        reason, most=REASON_MAX_CHARACTERS, what=Sentence("A report"), field="reason"
    )
    accused = await accounts.find_person(connection, username)
    if accused.id == reporter_id:
        raise Refused("You cannot report yourself.")
    # The row is locked, so that many reports at once are counted one after the other.
    await connection.execute(select(User.id).where(User.id == reporter_id).with_for_update())
    still_open = await connection.scalar(
        select(func.count())
        .select_from(Report)
        .where(Report.reporter_id == reporter_id, Report.closed_at.is_(None))
    )
    if (still_open or 0) >= OPEN_REPORTS_MOST:
        raise TooMany(
            "Many reports of yours are waiting already. The moderators will read them.",
            retry_after=3600,
        )
    result = await connection.execute(
        insert(Report)
        .values(
            reporter_id=reporter_id,
            accused_id=accused.id,
            reason=reason,
            reported_at=time.time(),
        )
        .returning(Report.id)
    )
    number: int = result.scalar_one()
    wanted = set(chosen)
    copies = [
        {"kind": row.kind, "body": row.body, "written_at": row.written_at}
        for row in await texts_of(connection, reporter_id, accused.id)
        if (row.kind, row.id) in wanted
    ]
    copies.sort(key=lambda copy: copy["written_at"])
    if accused.about_me:
        copies.append({"kind": "about_me", "body": accused.about_me, "written_at": None})
    rows = [{"report_id": number, "place": place, **copy} for place, copy in enumerate(copies, 1)]
    if rows:
        await connection.execute(insert(ReportedText), rows)
    return number


_Reporter, _Accused = aliased(User), aliased(User)


async def is_moderator(connection: AsyncConnection, person_id: int) -> bool:
    return bool(await connection.scalar(select(User.is_moderator).where(User.id == person_id)))


async def require_moderator(connection: AsyncConnection, person_id: int) -> None:
    """Raises `NotFound`: others need not know that there is such a page."""
    if not await is_moderator(connection, person_id):
        raise NotFound("There is nothing here.")


async def open_reports(connection: AsyncConnection, moderator_id: int) -> list[OpenReport]:
    """The reports that wait, oldest first; those of a moderator are for the others."""
    result = await connection.execute(
        select(
            Report.id,
            Report.reason,
            Report.reported_at,
            _Reporter.username.label("reporter"),
            _Accused.username.label("accused"),
            _Accused.suspended_at,
        )
        .join(_Accused, _Accused.id == Report.accused_id)
        .outerjoin(_Reporter, _Reporter.id == Report.reporter_id)
        .where(Report.closed_at.is_(None), Report.accused_id != moderator_id)
        .order_by(Report.id)
        .limit(OPEN_SHOWN_MOST)
    )
    rows = result.all()
    copied = await connection.execute(
        select(
            ReportedText.report_id,
            ReportedText.kind,
            ReportedText.body,
            ReportedText.written_at,
        )
        .where(ReportedText.report_id.in_([row.id for row in rows]))
        .order_by(ReportedText.report_id, ReportedText.place)
    )
    texts_by_report: dict[int, list[AnyRow]] = {}
    for row in copied:
        texts_by_report.setdefault(row.report_id, []).append(row)
    return [OpenReport(row, texts_by_report.get(row.id, [])) for row in rows]


async def suspended_people(connection: AsyncConnection) -> list[AnyRow]:
    """Who is suspended, the latest first: `username, suspended_at`."""
    rows = await connection.execute(
        select(User.username, User.suspended_at)
        .where(User.suspended_at.is_not(None))
        .order_by(User.suspended_at.desc())
        .limit(SUSPENDED_SHOWN_MOST)
    )
    return list(rows)


async def dismiss(connection: AsyncConnection, moderator_id: int, number: int) -> None:
    """Nothing is wrong with it."""
    await _close(connection, moderator_id, number, DISMISSED)


async def warn(
    connection: AsyncConnection, moderator_id: int, number: int, words: str, *, kept_most: int
) -> list[Event]:
    """Tell the accused, in the moderator's words; the events to publish."""
    words = texts.clean(
        words, most=WARNING_MAX_CHARACTERS, what=Sentence("A warning"), field="words"
    )
    accused_id = await _close(connection, moderator_id, number, WARNED)
    return await centre.tell(connection, accused_id, WARNING, {"text": words}, kept_most=kept_most)


async def suspend(connection: AsyncConnection, moderator_id: int, number: int) -> list[Ended]:
    """Sign the accused out everywhere and let them in no more; what to publish."""
    accused_id = await _close(connection, moderator_id, number, SUSPENDED)
    await connection.execute(select(User.id).where(User.id == accused_id).with_for_update())
    if await is_moderator(connection, accused_id):
        raise Refused("A moderator cannot be suspended; an operator can take the role away first.")
    await connection.execute(
        update(User)
        .where(User.id == accused_id, User.suspended_at.is_(None))
        .values(suspended_at=time.time())
    )
    # All that waits about this person is answered by it.
    await connection.execute(
        update(Report)
        .where(Report.accused_id == accused_id, Report.closed_at.is_(None))
        .values(closed_at=time.time(), outcome=SUSPENDED, moderator_id=moderator_id)
    )
    return await sign_ins.end_all(connection, accused_id)


async def lift(connection: AsyncConnection, moderator_id: int, username: str) -> None:
    """Let somebody in again."""
    await require_moderator(connection, moderator_id)
    person = await accounts.find_person(connection, username)
    await connection.execute(update(User).where(User.id == person.id).values(suspended_at=None))


async def set_moderator(connection: AsyncConnection, username: str, *, moderator: bool) -> None:
    """Raises `NotFound`."""
    person = await accounts.find_person(connection, username)
    await connection.execute(
        update(User).where(User.id == person.id).values(is_moderator=moderator)
    )


async def _close(connection: AsyncConnection, moderator_id: int, number: int, outcome: str) -> int:
    """Close an open report; whom it accuses. Raises `NotFound` when there is none such."""
    await require_moderator(connection, moderator_id)
    result = await connection.execute(
        update(Report)
        .where(Report.id == number, Report.closed_at.is_(None), Report.accused_id != moderator_id)
        .values(closed_at=time.time(), outcome=outcome, moderator_id=moderator_id)
        .returning(Report.accused_id)
    )
    accused_id: int | None = result.scalar_one_or_none()
    if accused_id is None:
        raise NotFound("That report is closed, or never was.")
    return accused_id
