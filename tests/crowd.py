"""Many people at once, signed in without the cost of a password each."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from quart_auth import QuartAuth
from quart_auth.extension import DEFAULTS
from sqlalchemy import insert

from notifier import sign_ins
from notifier.accounts import username_key
from notifier.cookies import COOKIE
from notifier.database import Database
from notifier.models import User
from notifier.settings import Settings
from tests.person import Person
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
    """`count` people in the server's database."""
    database = Database(settings_of(server))
    salt = str(DEFAULTS["QUART_AUTH_SALT"])
    sealer = QuartAuth.serializer_class([server.environment["SECRET_KEY"]], salt)
    now = time.time()
    try:
        async with asyncio.timeout(30), database.write() as connection:
            rows = await connection.execute(
                insert(User).returning(User.id, User.username, sort_by_parameter_order=True),
                [_row(f"{name}{number}", now) for number in range(1, count + 1)],
            )
            return [
                Somebody(
                    row.id,
                    row.username,
                    f"{COOKIE}="
                    + sealer.dumps(await sign_ins.start(connection, row.id, remember=True)),
                )
                for row in rows.all()
            ]
    finally:
        await database.close()


def _row(username: str, now: float) -> dict[str, object]:
    return {
        "username": username,
        "username_key": username_key(username),
        "email": f"{username}@example.org",
        "email_key": f"{username}@example.org",
        "password_hash": "nobody signs in with a password here",
        "created_at": now,
        "last_seen_at": now,
    }
