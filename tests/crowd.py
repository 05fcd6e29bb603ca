"""Many people at once, signed in without the cost of a password each."""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import dataclass

from argon2 import PasswordHasher
from quart_auth import QuartAuth
from quart_auth.extension import DEFAULTS
from sqlalchemy import insert

from notifier import sign_ins
from notifier.accounts import username_key
from notifier.cookies import COOKIE
from notifier.database import Database
from notifier.models import User
from notifier.settings import Settings
from tests.person import PASSWORD, Person
from tests.processes import Server


@dataclass(frozen=True)
class Somebody:
    """A person of the crowd, by id, name and the cookie of one sign-in."""

    id: int
    username: str
    cookie: str

    def at(self, port: int) -> Person:
        """The same person with forms and pages, at the server on `port`."""
        person = Person(port, self.username)
        name, _, value = self.cookie.partition("=")
        person.cookies[name] = value
        return person


def settings_of(server: Server) -> Settings:
    """What the server was started with, for a test that reads its database."""
    return Settings.load(
        _env_file=None,
        secret_key=server.environment["SECRET_KEY"],
        database_url=server.environment["DATABASE_URL"],
    )


async def crowd(server: Server, count: int, name: str = "person") -> list[Somebody]:
    """`count` people in the server's database, who have no password."""
    usernames = [f"{name}{number}" for number in range(1, count + 1)]
    return await _enter(server, usernames, "nobody signs in with a password here", remember=True)


async def newcomers(server: Server, usernames: list[str]) -> list[Person]:
    """People who are signed in at the server, as if they had just registered.

    The forms and Argon2 are tested where they matter; for the hundreds of people whom tests begin
    with they would be a third of what all tests cost.
    """
    entered = await _enter(server, usernames, _password_hash(), remember=False)
    return [one.at(server.port) for one in entered]


@functools.cache
def _password_hash() -> str:
    return PasswordHasher().hash(PASSWORD)


async def _enter(
    server: Server, usernames: list[str], password_hash: str, *, remember: bool
) -> list[Somebody]:
    database = Database(settings_of(server))
    salt = str(DEFAULTS["QUART_AUTH_SALT"])
    sealer = QuartAuth.serializer_class([server.environment["SECRET_KEY"]], salt)
    now = time.time()
    try:
        async with asyncio.timeout(30), database.write() as connection:
            rows = await connection.execute(
                insert(User).returning(User.id, User.username, sort_by_parameter_order=True),
                [_row(username, password_hash, now) for username in usernames],
            )
            return [
                Somebody(
                    row.id,
                    row.username,
                    f"{COOKIE}="
                    + sealer.dumps(
                        await sign_ins.start(
                            connection, row.id, remember=remember, address="127.0.0.1"
                        )
                    ),
                )
                for row in rows.all()
            ]
    finally:
        await database.close()


def _row(username: str, password_hash: str, now: float) -> dict[str, object]:
    return {
        "username": username,
        "username_key": username_key(username),
        "email": f"{username}@example.org",
        "email_key": f"{username}@example.org",
        "password_hash": password_hash,
        "created_at": now,
        "last_seen_at": now,
    }
