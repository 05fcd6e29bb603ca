"""Makes the people of a run, with a sign-in and a past each. Run by the app's own Python.

    python -m benchmark.people COUNT OUTPUT

Everything goes through the app's own functions, in the database that the environment names, but
for the password: one hash for all, because argon2 would take a quarter of an hour for 15,000, and
nobody signs in with one here. OUTPUT becomes one JSON object: the cookie's name, and for each
person `[id, username, cookie value]`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from quart_auth import QuartAuth
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import notifications, sign_ins
from notifier.accounts import username_key
from notifier.app import create_app
from notifier.database import Database
from notifier.events import Event
from notifier.models import User
from notifier.settings import Settings

# What everybody has in the log before the run: a cursor of 0 would be a newcomer's.
PAST_EVENTS = 1


def person(number: int, now: float) -> dict[str, object]:
    username = f"person{number}"
    return {
        "username": username,
        "username_key": username_key(username),
        "email": f"{username}@example.org",
        "email_key": f"{username}@example.org",
        "password_hash": "nobody signs in with a password here",
        "created_at": now,
        "last_seen_at": now,
    }


async def give_past(connection: AsyncConnection, person_id: int) -> Event:
    first, timestamp = await notifications.allot(connection, person_id, PAST_EVENTS)
    return Event(person_id, first, "benchmark", {"id": person_id}, timestamp)


async def make(settings: Settings, count: int) -> list[tuple[int, str, str]]:
    """Id, username and `auth_id` of each."""
    database = Database(settings)
    now = time.time()
    try:
        async with database.write() as connection:
            rows = await connection.execute(
                insert(User).returning(User.id, User.username, sort_by_parameter_order=True),
                [person(number, now) for number in range(count)],
            )
            people = [(row.id, row.username) for row in rows]
            events = [await give_past(connection, person_id) for person_id, _ in people]
            await notifications.store(connection, events, [], kept_most=settings.kept_notifications)
            return [
                (person_id, username, await sign_ins.start(connection, person_id, remember=True))
                for person_id, username in people
            ]
    finally:
        await database.close()


def main() -> None:
    count, output = int(sys.argv[1]), Path(sys.argv[2])
    settings = Settings.load()
    app = create_app(settings)
    auth: QuartAuth = app.extensions["QUART_AUTH"][0]
    people = asyncio.run(make(settings, count))
    made = [[number, name, auth.dump_token(auth_id, app)] for number, name, auth_id in people]
    output.write_text(json.dumps({"cookie": auth.cookie_name, "people": made}))


if __name__ == "__main__":
    main()
