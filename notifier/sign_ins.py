"""Sign-ins: one row for each signed-in browser, from its beginning to its end.

The cookie holds a random `auth_id`; the table holds its hash. A sign-in is over when its row is
gone or expired, and whoever ends one publishes an `Ended` so that its streams end too.
"""

from __future__ import annotations

import secrets
import time

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.accounts import SUSPENDED, check_password, username_key
from notifier.database import Database
from notifier.errors import Forbidden, Refused
from notifier.events import Ended
from notifier.models import SignIn, User
from notifier.passwords import Passwords
from notifier.signed_in import SignedIn, hash_auth_id

# Enough that a token cannot be guessed (256 bits), as Python's `secrets` documents.
AUTH_ID_BYTES = 32
REMEMBERED_SECONDS = 30 * 24 * 3600
# A browser forgets a session cookie when it closes, but some never close.
SESSION_SECONDS = 24 * 3600
BROWSER_MAX_CHARACTERS = 200
# The oldest sign-ins of a person beyond this are ended by a new one.
SIGN_INS_PER_PERSON = 50


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
