"""Sign-ins: one row for each signed-in browser, and who stands behind a cookie.

The cookie holds a random `auth_id`; the table holds its hash. A sign-in is over when its row is
gone or expired, and whoever ends one publishes an `Ended` so that its streams end too.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.accounts import SUSPENDED, check_password, username_key
from notifier.database import Database
from notifier.errors import Forbidden, Refused, Unavailable
from notifier.events import Ended
from notifier.models import SignIn, User
from notifier.one_of import ByDialect
from notifier.passwords import Passwords
from notifier.together import Together

# Enough that a token cannot be guessed (256 bits), as Python's `secrets` documents.
AUTH_ID_BYTES = 32
# Far longer than any token of ours: what is longer is not even hashed.
AUTH_ID_MAX_CHARACTERS = 80
REMEMBERED_SECONDS = 30 * 24 * 3600
# A browser forgets a session cookie when it closes, but some never close.
SESSION_SECONDS = 24 * 3600
BROWSER_MAX_CHARACTERS = 200
# The oldest sign-ins of a person beyond this are ended by a new one.
SIGN_INS_PER_PERSON = 50
# Look-ups of one query, well below SQLite's 32,766 and PostgreSQL's 32,767 parameters.
LOOKUP_MOST = 500
LOOKUP_WAITING_MOST = 50_000
First = Callable[[], Awaitable[None]]


class SignedIn(NamedTuple):
    """Who makes a request: a sign-in and its person, as they were when they were read.

    `read_at` is the time of the event loop just before that.
    """

    sign_in_id: int
    person_id: int
    username: str
    last_seen_at: float
    last_sequence: int
    read_at: float


def person_of(auth_id: str) -> int | None:
    """Whose sign-in an `auth_id` is; it says so itself, and its cookie is signed: so a stream can
    be registered before its sign-in is looked up."""
    person_id, separator, _ = auth_id.partition(".")
    return int(person_id) if separator and person_id.isdecimal() else None


def hash_auth_id(auth_id: str) -> str:
    """How a sign-in's secret is stored: SHA-256, which suffices for 256 random bits."""
    return hashlib.sha256(auth_id.encode()).hexdigest()


_FIND = ByDialect(
    lambda one_of: (
        select(
            SignIn.auth_hash,
            SignIn.id,
            User.id.label("person_id"),
            User.username,
            User.last_seen_at,
            User.last_sequence,
        )
        .join(User, User.id == SignIn.user_id)
        .where(one_of(SignIn.auth_hash, "hashes"), SignIn.expires_at > bindparam("now"))
    )
)


class SignIns:
    """Finds who is signed in; look-ups that come at the same time share one query, before which
    `first` is waited for."""

    def __init__(
        self, database: Database, *, gather_seconds: float = 0, first: First | None = None
    ) -> None:
        self._database = database
        self._first = first
        self.lookups: Together[str, SignedIn | None] = Together(
            self._find_all,
            most=LOOKUP_MOST,
            waiting_most=LOOKUP_WAITING_MOST,
            full=Unavailable,
            gather_seconds=gather_seconds,
        )

    async def find(self, auth_id: str) -> SignedIn | None:
        """Who signed in with `auth_id`; None when that sign-in is over or never was."""
        if len(auth_id) > AUTH_ID_MAX_CHARACTERS:
            return None
        return await self.lookups.ask(auth_id)

    async def _find_all(self, auth_ids: Sequence[str]) -> list[SignedIn | None]:
        hashes = [hash_auth_id(auth_id) for auth_id in auth_ids]
        if self._first is not None:
            await self._first()
        read_at = asyncio.get_running_loop().time()
        query = _FIND(self._database.dialect, {"hashes": set(hashes)}, now=time.time())
        rows = await self._database.fetch(*query)
        found = {row[0]: SignedIn(row[1], row[2], row[3], row[4], row[5], read_at) for row in rows}
        return [found.get(auth_hash) for auth_hash in hashes]


async def sign_in(
    database: Database,
    passwords: Passwords,
    username: str,
    password: str,
    *,
    remember: bool = False,
    browser: str = "",
    address: str = "",
) -> tuple[str, list[Ended]] | None:
    """A new sign-in: its `auth_id`, and what to publish. None for a wrong name or password.

    Both take the same time. Raises `Forbidden` for who is suspended, if the password is right.
    Every sign-in is new, so a planted cookie gains nobody anything.
    """
    async with database.read() as connection:
        result = await connection.execute(
            select(User.id, User.password_hash).where(User.username_key == username_key(username))
        )
        person = result.one_or_none()
    matches = await passwords.check(person.password_hash if person else None, password)
    if person is None or not matches:
        return None
    async with database.write() as connection:
        # Checking took a while: a password that was changed meanwhile signs nobody in. The row
        # is locked, so that no change can come between this look and the commit.
        still = await connection.scalar(
            select(User.password_hash).where(User.id == person.id).with_for_update()
        )
        if still != person.password_hash:
            return None
        auth_id = await start(
            connection, person.id, remember=remember, browser=browser, address=address
        )
        ended = await _end_oldest(connection, person.id)
    return auth_id, ended


async def start(
    connection: AsyncConnection,
    person_id: int,
    *,
    remember: bool,
    browser: str = "",
    address: str = "",
) -> str:
    """Store a new sign-in of a person; its `auth_id`. Raises `Forbidden` for who is suspended.

    The caller holds the person's lock, so that no suspension can come between look and commit.
    """
    if await connection.scalar(select(User.suspended_at).where(User.id == person_id)) is not None:
        raise Forbidden(SUSPENDED)
    auth_id = f"{person_id}.{secrets.token_urlsafe(AUTH_ID_BYTES)}"
    now = time.time()
    await connection.execute(
        insert(SignIn).values(
            auth_hash=hash_auth_id(auth_id),
            user_id=person_id,
            created_at=now,
            expires_at=now + (REMEMBERED_SECONDS if remember else SESSION_SECONDS),
            browser=browser[:BROWSER_MAX_CHARACTERS],
            address=address[:64],
        )
    )
    return auth_id


async def _end_oldest(connection: AsyncConnection, person_id: int) -> list[Ended]:
    rows = await connection.execute(
        select(SignIn.id)
        .where(SignIn.user_id == person_id)
        .order_by(SignIn.id.desc())
        .offset(SIGN_INS_PER_PERSON)
        .limit(SIGN_INS_PER_PERSON)
    )
    oldest = list(rows.scalars())
    if not oldest:
        return []
    await connection.execute(delete(SignIn).where(SignIn.id.in_(oldest)))
    return [Ended(person_id, tuple(oldest))]


async def sign_out(database: Database, who: SignedIn) -> list[Ended]:
    """End one sign-in; what to publish."""
    async with database.write() as connection:
        await connection.execute(
            delete(SignIn).where(SignIn.id == who.sign_in_id, SignIn.user_id == who.person_id)
        )
    return [Ended(who.person_id, (who.sign_in_id,))]


async def end_all(connection: AsyncConnection, person_id: int) -> list[Ended]:
    """End every sign-in of a person; what to publish after the commit."""
    result = await connection.execute(
        delete(SignIn).where(SignIn.user_id == person_id).returning(SignIn.id)
    )
    ids = tuple(result.scalars())
    return [Ended(person_id, ids)] if ids else []


async def change_password(
    database: Database,
    passwords: Passwords,
    who: SignedIn,
    old: str,
    new: str,
    *,
    browser: str = "",
    address: str = "",
) -> tuple[str, bool, list[Ended]]:
    """Store a new password and end every sign-in of the person, this one too.

    Returns the `auth_id` of the new sign-in that this browser gets instead, whether it is
    remembered (as the one before was), and what to publish. Raises `Refused` when `old` is wrong
    or `new` cannot be a password.
    """
    async with database.read() as connection:
        result = await connection.execute(
            select(User.password_hash).where(User.id == who.person_id)
        )
        password_hash = result.scalar_one_or_none()
    if not await passwords.check(password_hash, old):
        raise Refused("That is not your present password.", field="old_password")
    new_hash = await passwords.hash(check_password(new))
    async with database.write() as connection:
        await connection.execute(
            update(User).where(User.id == who.person_id).values(password_hash=new_hash)
        )
        lasts = await connection.scalar(
            select(SignIn.expires_at - SignIn.created_at).where(SignIn.id == who.sign_in_id)
        )
        remember = lasts is not None and lasts > SESSION_SECONDS
        ended = await end_all(connection, who.person_id)
        auth_id = await start(
            connection, who.person_id, remember=remember, browser=browser, address=address
        )
    return auth_id, remember, ended


async def remove_expired(database: Database) -> None:
    """Delete the rows of sign-ins that are over by time; their streams end by reconcile."""
    async with database.write() as connection:
        await connection.execute(delete(SignIn).where(SignIn.expires_at <= time.time()))


_VALID = ByDialect(
    lambda one_of: (
        select(SignIn.id, User.last_sequence)
        .join(User, User.id == SignIn.user_id)
        .where(one_of(SignIn.id, "ids"), SignIn.expires_at > bindparam("now"))
    )
)


async def positions(database: Database, sign_in_ids: Iterable[int]) -> dict[int, int]:
    """Reconcile's query: the newest sequence of each sign-in's person, by sign-in.

    A sign-in that is over is missing from the answer.
    """
    rows = await database.fetch(*_VALID(database.dialect, {"ids": sign_in_ids}, now=time.time()))
    return {row[0]: row[1] for row in rows}
