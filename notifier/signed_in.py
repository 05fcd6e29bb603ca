"""Who stands behind a cookie: the sign-in and its person, and where their log is.

Asked for every request and every stream, so those that come together share one query.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import and_, bindparam, select

from notifier.database import Database
from notifier.errors import Unavailable
from notifier.models import SignIn, User
from notifier.one_of import ListByDialect
from notifier.together import Together

# Far longer than any token of ours: what is longer is not even hashed.
AUTH_ID_MAX_CHARACTERS = 80
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


# By outer joins, so that the list leads and each value is looked up by an index: after an ANALYZE
# of a small table SQLite would turn an inner join around, and keep to it when the table has grown.
_FIND = ListByDialect(
    SignIn.auth_hash,
    lambda listed: (
        select(
            listed.place,
            SignIn.id,
            User.id.label("person_id"),
            User.username,
            User.last_seen_at,
            User.last_sequence,
        )
        .select_from(listed.rows)
        .outerjoin(
            SignIn, and_(SignIn.auth_hash == listed.value, SignIn.expires_at > bindparam("now"))
        )
        .outerjoin(User, User.id == SignIn.user_id)
    ),
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
        query = _FIND(self._database.dialect, hashes, now=time.time())
        found: list[SignedIn | None] = [None] * len(hashes)
        for place, sign_in_id, person_id, name, seen_at, last in await self._database.fetch(*query):
            if sign_in_id is not None:
                found[place] = SignedIn(sign_in_id, person_id, name, seen_at, last, read_at)
        return found


_VALID = ListByDialect(
    SignIn.id,
    lambda listed: (
        select(SignIn.id, User.last_sequence)
        .select_from(listed.rows)
        .outerjoin(SignIn, and_(SignIn.id == listed.value, SignIn.expires_at > bindparam("now")))
        .outerjoin(User, User.id == SignIn.user_id)
    ),
)


async def positions(database: Database, sign_in_ids: Iterable[int]) -> dict[int, int]:
    """Reconcile's query: the newest sequence of each sign-in's person, by sign-in.

    A sign-in that is over is missing from the answer.
    """
    query = _VALID(database.dialect, list(sign_in_ids), now=time.time())
    return {row[0]: row[1] for row in await database.fetch(*query) if row[0] is not None}
