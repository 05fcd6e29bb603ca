"""What each main page costs in CPU for somebody with 10,000 messages; exits with 1 above 50 ms.

The app answers in this process, over no socket, so that the process's own clock has all of it:
the view, the database, the template. The asking itself, some tenths of a millisecond, is in it.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time

from quart.typing import TestClientProtocol
from sqlalchemy import func, or_, select

from notifier import schema
from notifier.app import create_app
from notifier.database import Database
from notifier.drafts import draft
from notifier.engine import Engine
from notifier.models import Message, User
from notifier.passwords import Passwords
from notifier.seed import PASSWORD, seed
from notifier.settings import Settings
from notifier.web_process import GC_THRESHOLDS

# Each demo person has exchanged a message with harry; the rest he and gitau say to each other.
PEOPLE = 9_000
SAID = 1_100
MESSAGES_LEAST = 10_000
MOST_MS = 50.0
TIMES = 30
AT_ONCE = 16
PATHS = (
    "/",
    "/conversations",
    "/conversations/gitau",
    "/search?q=kettle",
    "/messages",
    "/messages?page=100",
    "/messages/sent",
    "/notifications/all",
    "/notifications/panel",
    "/user/harry",
    "/user/gitau",
    "/settings",
    "/diagnostics",
)


async def main() -> int:
    """Print a line for each page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(
            _env_file=None,
            secret_key="only for this benchmark",
            database_url=f"sqlite:///{folder}/cost.db",
            redis_url="",
            rate_limits="off",
        )
        print(f"harry has {await filled(settings):,} messages", flush=True)
        app = create_app(settings)
        async with app.test_app():
            client = app.test_client()
            form = {"username": "harry", "password": PASSWORD}
            answer = await client.post("/login", form=form, headers={"Origin": "http://localhost"})
            assert answer.status_code in {302, 303}, await answer.get_data(as_text=True)
            # As the server does it; else what filled the database is gone through all the time.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLDS)
            print(f"{'page':24}{'CPU, ms':>9}")
            most = 0.0
            for path in PATHS:
                cost = await cost_ms(client, path)
                print(f"{path:24}{cost:9.1f}", flush=True)
                most = max(most, cost)
    return int(most > MOST_MS)


async def cost_ms(client: TestClientProtocol, path: str) -> float:
    """The CPU of one answer, once all that is kept is kept."""
    for _ in range(2):
        answer = await client.get(path)
        assert answer.status_code == 200, f"{path} answers {answer.status_code}"
    before = time.process_time()
    for _ in range(TIMES):
        await client.get(path)
    return (time.process_time() - before) / TIMES * 1_000


async def filled(settings: Settings) -> int:
    """Fill the database; how many messages harry has."""
    database = Database(settings)
    await schema.migrate(database)
    await database.close()
    engine = Engine(settings)
    await engine.start()
    passwords = Passwords(1)
    try:
        await seed(engine.database, passwords, PEOPLE)
        async with engine.database.read() as connection:
            rows = await connection.execute(
                select(User.username, User.id).where(User.username.in_(["harry", "gitau"]))
            )
            numbers = {row.username: row.id for row in rows}
        await converse(engine, numbers)
        harry = numbers["harry"]
        async with engine.database.read() as connection:
            held = await connection.scalar(
                select(func.count()).where(
                    or_(Message.sender_id == harry, Message.recipient_id == harry)
                )
            )
    finally:
        passwords.close()
        await engine.stop()
    assert held is not None and held >= MESSAGES_LEAST, held
    return held


async def converse(engine: Engine, numbers: dict[str, int]) -> None:
    """harry and gitau say `SAID` things."""
    names = list(numbers)
    for start in range(0, SAID, AT_ONCE):
        drafts = [
            draft(numbers[names[n % 2]], names[n % 2], names[1 - n % 2], f"The kettle is on: {n}")
            for n in range(start, start + AT_ONCE)
        ]
        await asyncio.gather(*(engine.sending.send(one) for one in drafts))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
