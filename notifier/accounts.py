"""People: registering, finding and changing them.

Every public function opens its own short transaction, or takes the caller's connection when it
only reads. Passwords are hashed before a transaction begins, never inside one.
"""

from __future__ import annotations

import re
import time

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import texts
from notifier.database import Database
from notifier.errors import NotFound, Refused, Taken
from notifier.languages import Sentence
from notifier.models import AnyRow, User
from notifier.passwords import Passwords

PASSWORD_MIN_CHARACTERS = 8
# Argon2 takes any length; the bound keeps a megabyte of "password" from being hashed.
PASSWORD_MAX_CHARACTERS = 128
USERNAME_MAX_CHARACTERS = 32
ABOUT_ME_MAX_CHARACTERS = 500
ABOUT_ME = Sentence("About me")
SUSPENDED = Sentence("This account is suspended. The moderators of this site can lift that.")
# Letters, digits and . _ - of ASCII, beginning with a letter or digit: fits in a path and no
# two names can look alike because of another script's letters.
USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
# Precise enough for "last seen", rare enough that reading pages costs next to no writes.
LAST_SEEN_SECONDS = 60


def check_username(username: str) -> str:
    """The username as it is stored. Raises `Refused` when it cannot be one."""
    username = username.strip()
    if not USERNAME.fullmatch(username):
        raise Refused(
            "A username has 1 to 32 letters (a-z), digits, dots, dashes or underscores, "
            "and begins with a letter or digit.",
            field="username",
        )
    return username


def username_key(username: str) -> str:
    """What makes two usernames the same one: they differ in case only."""
    return username.strip().casefold()[: 2 * USERNAME_MAX_CHARACTERS]


def check_email(email: str) -> str:
    """The normalised e-mail address. Raises `Refused` when it is none."""
    try:
        # Whether the domain takes mail is not asked: that is a network call to strangers.
        return validate_email(
            email.strip(), check_deliverability=False, test_environment=True
        ).normalized
    except EmailNotValidError:
        raise Refused("That is not an e-mail address.", field="email") from None


def check_password(password: str) -> str:
    """`password`, if its length is right; else `Refused`. It is stored as it was typed."""
    if not PASSWORD_MIN_CHARACTERS <= len(password) <= PASSWORD_MAX_CHARACTERS:
        raise Refused(
            "A password has %(least)s to %(most)s characters.",
            field="password",
            least=PASSWORD_MIN_CHARACTERS,
            most=PASSWORD_MAX_CHARACTERS,
        )
    if "\0" in password or any("\ud800" <= c <= "\udfff" for c in password):
        raise Refused("A password cannot hold control characters.", field="password")
    return password


async def register(
    database: Database, passwords: Passwords, username: str, email: str, password: str
) -> int:
    """A new person; their id.

    Raises `Refused` for what cannot be stored and `Taken` for a username or an e-mail address
    that somebody has, whatever its case.
    """
    username, email = check_username(username), check_email(email)
    password_hash = await passwords.hash(check_password(password))
    now = time.time()
    values = {
        "username": username,
        "username_key": username_key(username),
        "email": email,
        "email_key": email.casefold(),
        "password_hash": password_hash,
        "created_at": now,
        "last_seen_at": now,
    }
    async with database.write() as connection:
        await _check_free(connection, username_key(username), email.casefold(), None)
        try:
            result = await connection.execute(insert(User).values(values).returning(User.id))
        except IntegrityError:
            # Two registered at once: the unique index decided, after both had looked.
            raise Taken("That username or e-mail is taken.", field="username") from None
        return result.scalar_one()


async def _check_free(
    connection: AsyncConnection, name_key: str, email_key: str | None, person_id: int | None
) -> None:
    rows = await connection.execute(
        select(User.id, User.username_key).where(
            (User.username_key == name_key) | (User.email_key == email_key)
        )
    )
    for row in rows:
        if row.id == person_id:
            continue
        if row.username_key == name_key:
            raise Taken("Please use a different username: this one is taken.", field="username")
        raise Taken("Please use a different e-mail address.", field="email")


PROFILE = (User.id, User.username, User.about_me, User.last_seen_at, User.created_at)


async def find_person(connection: AsyncConnection, username: str) -> AnyRow:
    """The person of that name (id, username, about_me, last_seen_at, created_at), any case.

    Raises `NotFound`.
    """
    result = await connection.execute(
        select(*PROFILE).where(User.username_key == username_key(username))
    )
    row = result.one_or_none()
    if row is None:
        raise NotFound("There is nobody of that name here.")
    return row


async def edit_profile(database: Database, person_id: int, username: str, about_me: str) -> str:
    """Change one's own name and about-me; the username as stored. Raises `Refused`, `Taken`."""
    username = check_username(username)
    about_me = texts.clean(
        about_me, most=ABOUT_ME_MAX_CHARACTERS, what=ABOUT_ME, field="about_me", least=0
    )
    async with database.write() as connection:
        await _check_free(connection, username_key(username), None, person_id)
        try:
            await connection.execute(
                update(User)
                .where(User.id == person_id)
                .values(username=username, username_key=username_key(username), about_me=about_me)
            )
        except IntegrityError:
            raise Taken("That username is taken.", field="username") from None
    return username


async def seen(database: Database, person_id: int) -> None:
    """Note that a person looked at a page now; at most one write in `LAST_SEEN_SECONDS`."""
    now = time.time()
    async with database.write() as connection:
        await connection.execute(
            update(User)
            .where(User.id == person_id, User.last_seen_at < now - LAST_SEEN_SECONDS)
            .values(last_seen_at=now)
        )
