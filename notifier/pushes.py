"""Browsers that take pushes, and which of them one is due to.

A push subscription is a cursor in the log, as a stream is, so a send costs nothing for it: what is
due is what the log holds beyond the cursor. Whoever moves the cursor has claimed what it passes;
two processes cannot both, so nothing is pushed twice. A process that holds an open stream of the
person moves it too: those events were told live.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import centre, choices, vapid
from notifier.centre import Listed, Unseen
from notifier.choices import PUSH
from notifier.database import Database
from notifier.errors import Refused
from notifier.models import PushSubscription, User
from notifier.push_addresses import check_endpoint

# The browsers of a person; the oldest gives way to a new one.
SUBSCRIPTIONS_PER_PERSON = 20
# Subscriptions of one look; the rest is looked at some seconds later.
DUE_MOST = 500
# Of what one push tells: beyond it the number says enough.
PENDING_MOST = 20
P256DH_BYTES = 65
AUTH_BYTES = 16


class Due(NamedTuple):
    """A push to be made: what it tells, and the cursor before and behind it."""

    subscription_id: int
    endpoint: str
    p256dh: str
    auth: str
    language: str
    failures: int
    pushed_up_to: int
    up_to: int
    pending: list[Listed]
    unseen: Unseen


async def subscribe(
    connection: AsyncConnection,
    person_id: int,
    sign_in_id: int,
    *,
    endpoint: str,
    p256dh: str,
    auth: str,
    language: str,
    anywhere: bool = False,
) -> None:
    """Keep where a browser takes pushes, from now on. Raises `Refused`."""
    check_endpoint(endpoint, anywhere=anywhere)
    _check_key(p256dh, P256DH_BYTES)
    _check_key(auth, AUTH_BYTES)
    # The person's row is locked, so that two browsers at once are not both the last that fits.
    up_to = await connection.scalar(
        select(User.last_sequence).where(User.id == person_id).with_for_update()
    )
    # Another person in the same browser takes its subscription over.
    await unsubscribe(connection, endpoint)
    oldest = await connection.execute(
        select(PushSubscription.id)
        .where(PushSubscription.person_id == person_id)
        .order_by(PushSubscription.id.desc())
        .offset(SUBSCRIPTIONS_PER_PERSON - 1)
    )
    await connection.execute(
        delete(PushSubscription).where(PushSubscription.id.in_(list(oldest.scalars())))
    )
    await connection.execute(
        insert(PushSubscription).values(
            person_id=person_id,
            sign_in_id=sign_in_id,
            endpoint=endpoint,
            endpoint_hash=_hash(endpoint),
            p256dh=p256dh,
            auth=auth,
            language=language,
            created_at=time.time(),
            pushed_up_to=up_to or 0,
        )
    )


async def unsubscribe(
    connection: AsyncConnection, endpoint: str, *, person_id: int | None = None
) -> None:
    """Forget a browser; with `person_id` only if it is that person's."""
    statement = delete(PushSubscription).where(PushSubscription.endpoint_hash == _hash(endpoint))
    if person_id is not None:
        statement = statement.where(PushSubscription.person_id == person_id)
    await connection.execute(statement)


async def known_to(connection: AsyncConnection, sign_in_id: int) -> list[str]:
    """The hashes of the endpoints of one sign-in: by them a browser finds out about itself."""
    found = await connection.execute(
        select(PushSubscription.endpoint_hash).where(PushSubscription.sign_in_id == sign_in_id)
    )
    return list(found.scalars())


def _hash(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode("utf-8", "surrogatepass")).hexdigest()


def _check_key(text: str, size: int) -> None:
    try:
        fits = len(vapid.decoded(text)) == size
    except ValueError:
        fits = False
    if not fits:
        raise Refused("This is no subscription of a browser.", field="endpoint")


_BEHIND = (
    select(PushSubscription.person_id, User.last_sequence)
    .distinct()
    .join(User, User.id == PushSubscription.person_id)
    .where(User.last_sequence > PushSubscription.pushed_up_to)
)
# Never back: two processes may tell of one person.
_TOLD = (
    update(PushSubscription)
    .where(
        PushSubscription.person_id == bindparam("person"),
        PushSubscription.pushed_up_to < bindparam("told"),
    )
    .values(pushed_up_to=bindparam("told"))
)
_DUE = (
    select(
        PushSubscription.id,
        PushSubscription.person_id,
        PushSubscription.endpoint,
        PushSubscription.p256dh,
        PushSubscription.auth,
        PushSubscription.language,
        PushSubscription.failures,
        PushSubscription.pushed_up_to,
        User.last_sequence,
    )
    .join(User, User.id == PushSubscription.person_id)
    .where(
        User.last_sequence > PushSubscription.pushed_up_to,
        PushSubscription.retry_at <= bindparam("now"),
    )
    .order_by(PushSubscription.retry_at, PushSubscription.id)
    .limit(DUE_MOST)
)


async def told_live(database: Database, present: Iterable[int], left: Mapping[int, int]) -> None:
    """What streams have told needs no push: to people with one everything, to people whose last
    one has left what is up to its cursor (`left`: sequence by recipient)."""
    async with database.read() as connection:
        behind = {row.person_id: row.last_sequence for row in await connection.execute(_BEHIND)}
    told = {person_id: left[person_id] for person_id in behind.keys() & left.keys()}
    told |= {person_id: behind[person_id] for person_id in behind.keys() & set(present)}
    if not told:
        return
    async with database.write() as connection:
        await connection.execute(
            _TOLD, [{"person": one, "told": told[one]} for one in sorted(told)]
        )


async def due(database: Database, now: float, *, after_seconds: float) -> list[Due]:
    """Which pushes are due: of what nobody was told for `after_seconds`.

    Cursors behind which there is nothing to push are moved on the way.
    """
    found: list[Due] = []
    idle: list[Due] = []
    async with database.read() as connection:
        rows = list(await connection.execute(_DUE, {"now": now}))
        chosen = await choices.of_all(connection, list({row.person_id for row in rows}))
        for row in rows:
            lines = await centre.lately(
                connection,
                row.person_id,
                before=row.last_sequence + 1,
                after=row.pushed_up_to,
                most=PENDING_MOST,
            )
            wanted = chosen[row.person_id]
            pending = [
                one
                for one in reversed(lines)
                if not one.read and not one.seen and PUSH in wanted.open_ways(one.name, now)
            ]
            # Somebody with a window open is told within moments, and then it is not due.
            if pending and now - pending[0].timestamp < after_seconds:
                continue
            unseen = await centre.unseen(connection, row.person_id)
            one = Due(row.id, *row[2:8], row.last_sequence, pending, unseen)
            (found if pending else idle).append(one)
    if idle:
        await claim(database, idle)
    return found


async def claim(database: Database, wanted: list[Due]) -> list[Due]:
    """Move the cursors of `wanted`; those that no other process had moved before."""
    claimed = []
    async with database.write() as connection:
        for one in sorted(wanted):
            result = await connection.execute(
                update(PushSubscription)
                .where(
                    PushSubscription.id == one.subscription_id,
                    PushSubscription.pushed_up_to == one.pushed_up_to,
                )
                .values(pushed_up_to=one.up_to)
            )
            if result.rowcount:
                claimed.append(one)
    return claimed


async def succeeded(database: Database, one: Due) -> None:
    async with database.write() as connection:
        await connection.execute(
            update(PushSubscription)
            .where(PushSubscription.id == one.subscription_id)
            .values(last_success_at=time.time(), failures=0, retry_at=0)
        )


async def failed(database: Database, one: Due, retry_at: float | None) -> None:
    """Try again at `retry_at`, with whatever is unread then; with None never again."""
    values: dict[str, float] = {"failures": one.failures + 1}
    if retry_at is not None:
        values |= {"retry_at": retry_at, "pushed_up_to": one.pushed_up_to}
    async with database.write() as connection:
        await connection.execute(
            update(PushSubscription)
            .where(
                PushSubscription.id == one.subscription_id,
                PushSubscription.pushed_up_to == one.up_to,
            )
            .values(**values)
        )


async def gone(database: Database, one: Due) -> None:
    """The push service says that this browser takes no more."""
    async with database.write() as connection:
        await unsubscribe(connection, one.endpoint)
