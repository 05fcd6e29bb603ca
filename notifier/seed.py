"""Demo people: harry, gitau and some made-up ones, with posts and messages among them.

The same people every time, so that a second run finds them and adds nothing. It must never mix
with real people unless it is told to, and even then it writes to none of them.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from faker import Faker
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import notifications
from notifier.accounts import username_key
from notifier.conversations import note_last
from notifier.database import Database
from notifier.errors import NotifierError
from notifier.events import SEQUENCE_MAX, Event
from notifier.messages import MESSAGE, UNREAD_COUNT, unread_count
from notifier.models import Message, Post, User
from notifier.passwords import Passwords
from notifier.safety import upsert_ties

# The two that a newcomer signs in as; `scripts/demo` and the README name them.
GUIDES = ("harry", "gitau")
PASSWORD = "12345678"  # noqa: S105  It is printed for everybody to use.
# Any number would do; it must stay, or a second run would make other people.
RANDOM_SEED = 20
HOUR_SECONDS = 3600
# The made-up past: two weeks, so that "5 minutes ago" and "last week" can both be seen.
PAST_SECONDS = 14 * 24 * HOUR_SECONDS
# Of the messages to each person, how many of the newest are unread: some badges show, some do not.
UNREAD_MOST = 3
# Whom each exchanges a message with, beside the two guides.
FRIENDS_MOST = 3

_ABOUT = (
    "{Job} in {city}. Ask me about {thing}.",
    "Born in {city}, now mostly on trains.",
    "I collect {thing} and forget where I put it.",
    "{Job}. Early riser, late replier.",
)
_POSTS = (
    "Does anybody know a good place for {thing} in {city}?",
    "First day as {article} {job}. Wish me luck!",
    "The sunrise over {city} this morning was worth getting up for.",
    "Whoever left {thing} by the coffee machine: thank you.",
    "Reading about {thing} again. It is late, and I regret nothing.",
    "Back from {city} with a cold and 300 photographs.",
    "Small win of the day: the printer works.",
    "If you are in {city} next week, say hello!",
)
_MESSAGES = (
    "Are you coming to {city} on Friday?",
    "I found the {thing} you were looking for.",
    "Thanks for yesterday, that helped a lot!",
    "Can you send me the notes from this morning?",
    "Lunch at twelve? I know a place.",
    "My train is late, start without me.",
    "Have you seen what they did to the {thing}?",
    "Happy birthday! 🎉",
)
_THINGS = (
    "sourdough bread", "old maps", "mechanical watches", "lemon cake", "bird song", "chess",
    "wild garlic", "street photography", "tea", "mountain bikes",
)  # fmt: skip


class RealPeople(NotifierError):
    """There are real people in this database, so nothing was added; --force adds demo people."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was added; all zero when everybody was there already."""

    people: int
    posts: int
    messages: int


async def seed(
    database: Database, passwords: Passwords, people: int = 20, force: bool = False
) -> Seeded:
    """Add those of the demo people who are not there yet, all of it or nothing.

    Raises `RealPeople` when somebody is registered who is no demo person, unless `force`.
    """
    # One hash for all of them: twenty would take seconds, and the password is no secret.
    password_hash = await passwords.hash(PASSWORD)
    author = _Author(time.time())
    async with database.write() as connection:
        present = await connection.execute(select(User.id, User.username_key, User.is_demo))
        taken = {row.username_key: row for row in present}
        if not force and not all(row.is_demo for row in taken.values()):
            raise RealPeople
        cast = [author.person(number) for number in range(len(GUIDES) + people)]
        new = [person for person in cast if person["username_key"] not in taken]
        if not new:
            return Seeded(0, 0, 0)
        added = await connection.execute(
            insert(User).returning(User.id, User.username, sort_by_parameter_order=True),
            [person | {"password_hash": password_hash} for person in new],
        )
        newcomers = {row.id: row.username for row in added}
        # A real person who has a demo person's name gets no messages.
        names = newcomers | {row.id: row.username_key for row in taken.values() if row.is_demo}
        posts = await _write_posts(connection, author, newcomers)
        messages = await _write_messages(connection, author, newcomers, names)
    return Seeded(len(newcomers), posts, messages)


def usernames(people: int) -> list[str]:
    """The names of the first `people` demo people, the guides among them."""
    author = _Author(time.time())
    return [author.person(number)["username"] for number in range(people)]


class _Author:
    """Invents people, moments and texts; the same ones every time."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._faker = Faker("en_US")

    def chance(self, *about: object) -> random.Random:
        return random.Random(f"{RANDOM_SEED} {about}")

    def person(self, number: int) -> dict[str, Any]:
        """The demo person of that number, all but the password."""
        self._faker.seed_instance(RANDOM_SEED + number)
        chance = self.chance("person", number)
        if number < len(GUIDES):
            username = GUIDES[number]
        else:
            username = f"{self._faker.first_name().lower()}{number}"
        return {
            "username": username,
            "username_key": username_key(username),
            "email": f"{username}@example.org",
            "email_key": f"{username}@example.org",
            "about_me": self.text(chance, _ABOUT),
            "created_at": self._now - PAST_SECONDS,
            "last_seen_at": self.moment(chance),
            "is_demo": True,
        }

    def moment(self, chance: random.Random) -> float:
        """Some time in the made-up past, more often of late."""
        return self._now - 60 - PAST_SECONDS * chance.random() ** 3

    def text(self, chance: random.Random, templates: tuple[str, ...]) -> str:
        self._faker.seed_instance(chance.randrange(2**32))
        job = self._faker.job().split(",")[0].split("/")[0].strip().lower()
        return chance.choice(templates).format(
            job=job,
            Job=job.capitalize(),
            article="an" if job[0] in "aeiou" else "a",
            city=self._faker.city(),
            thing=chance.choice(_THINGS),
        )


async def _write_posts(
    connection: AsyncConnection, author: _Author, newcomers: dict[int, str]
) -> int:
    rows: list[dict[str, Any]] = []
    for person_id, username in newcomers.items():
        chance = author.chance("posts", username)
        for _ in range(chance.randint(2, 4)):
            posted_at, body = author.moment(chance), author.text(chance, _POSTS)
            rows.append({"author_id": person_id, "body": body, "posted_at": posted_at})
    # Pages go by id: the oldest is written first.
    rows.sort(key=itemgetter("posted_at"))
    await connection.execute(insert(Post), rows)
    return len(rows)


async def _write_messages(
    connection: AsyncConnection, author: _Author, newcomers: dict[int, str], names: dict[int, str]
) -> int:
    """Messages between each newcomer and some of `names`, stored and numbered as sent ones are."""
    rows: list[dict[str, Any]] = []
    everybody = list(names)
    guides = [person_id for person_id, name in names.items() if name in GUIDES]
    for person_id, username in newcomers.items():
        chance = author.chance("messages", username)
        # Everybody writes with the guides, whose inboxes are looked at first, and with some others.
        friends = [*guides, *chance.sample(everybody, min(FRIENDS_MOST, len(everybody)))]
        for friend in friends:
            if friend == person_id:
                continue
            sender, recipient = chance.sample([person_id, friend], 2)
            sent_at, body = author.moment(chance), author.text(chance, _MESSAGES)
            rows.append(
                {"sender_id": sender, "recipient_id": recipient, "body": body, "sent_at": sent_at}
            )
    rows.sort(key=itemgetter("sent_at"))
    received: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        received[row["recipient_id"]].append(row)
    # In the order of the ids, as everybody who locks several people.
    states = [await _number(connection, one, received[one]) for one in sorted(received)]
    timestamps = {state.recipient_id: state.timestamp for state in states}
    stored = await connection.execute(
        insert(Message).returning(Message.id, sort_by_parameter_order=True), rows
    )
    kept = []
    for message_id, row in zip(stored.scalars(), rows, strict=True):
        recipient_id = row["recipient_id"]
        payload = {
            "id": message_id,
            "from": names[row["sender_id"]],
            "body": row["body"],
            "sent_at": row["sent_at"],
        }
        moment = timestamps[recipient_id]
        kept.append(Event(recipient_id, row["sequence"], MESSAGE, payload, moment))
    await note_last(
        connection,
        [
            (row[one], row[other], event.payload["id"])
            for row, event in zip(rows, kept, strict=True)
            for one, other in (("sender_id", "recipient_id"), ("recipient_id", "sender_id"))
        ],
    )
    first = {(row["sender_id"], row["recipient_id"]): row["sent_at"] for row in reversed(rows)}
    ties = [{"person_id": a, "other_id": b, "wrote_at": at} for (a, b), at in first.items()]
    await upsert_ties(connection, ties, "wrote_at")
    # Nothing is pruned here; the next real event does that.
    await notifications.store(connection, kept, states, kept_most=SEQUENCE_MAX)
    return len(rows)


async def _number(connection: AsyncConnection, recipient: int, rows: list[dict[str, Any]]) -> Event:
    """Give one person's messages the sequences and the read marks that sending them would have
    left; the count that goes with them."""
    first, timestamp = await notifications.allot(connection, recipient, 2 * len(rows))
    read = max(0, len(rows) - recipient % (UNREAD_MOST + 1))
    for place, row in enumerate(rows):
        # Each message took two numbers, its own and the count's.
        row["sequence"] = first + 2 * place
        row["read_at"] = row["sent_at"] if place < read else None
    unread = await unread_count(connection, recipient) + len(rows) - read
    return Event(recipient, first + 2 * len(rows) - 1, UNREAD_COUNT, unread, timestamp)
