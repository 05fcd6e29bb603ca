"""A person's sign-ins as they see them: when, where from, which browser; and ending them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier.errors import NotFound
from notifier.events import Ended
from notifier.models import SignIn
from notifier.signed_in import SignedIn

# Every browser says that it is some others too; the first of these that it says is what it is.
# A library that knows thousands would be one more thing to keep current for a line of text.
_BROWSERS = (
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Whale", "Whale"),
    ("Vivaldi", "Vivaldi"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Device:
    """One sign-in. `browser` and `system` are names, or "" where they cannot be told."""

    id: int
    signed_in_at: float
    address: str
    browser: str
    system: str
    is_this: bool


def browser_of(user_agent: str) -> str:
    """The name of the browser, "" for one that we do not know."""
    products = set(re.findall(r"([A-Za-z]+)/[0-9]", user_agent))
    return next((name for product, name in _BROWSERS if product in products), "")


def system_of(user_agent: str) -> str:
    """The name of the system it runs on, "" for one that we do not know."""
    return next((name for word, name in _SYSTEMS if word in user_agent), "")


async def devices(connection: AsyncConnection, who: SignedIn) -> list[Device]:
    """Every sign-in of a person that is not over, this one first and then the newest."""
    rows = await connection.execute(
        select(SignIn.id, SignIn.created_at, SignIn.address, SignIn.browser)
        .where(SignIn.user_id == who.person_id, SignIn.expires_at > time.time())
        .order_by((SignIn.id == who.sign_in_id).desc(), SignIn.id.desc())
    )
    return [
        Device(
            row.id,
            row.created_at,
            row.address,
            browser_of(row.browser),
            system_of(row.browser),
            row.id == who.sign_in_id,
        )
        for row in rows
    ]


async def end(connection: AsyncConnection, who: SignedIn, sign_in_id: int) -> list[Ended]:
    """End one sign-in of a person's own; what to publish. Raises `NotFound`."""
    result = await connection.execute(
        delete(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.user_id == who.person_id)
        .returning(SignIn.id)
    )
    if result.scalar_one_or_none() is None:
        raise NotFound("That sign-in is over already.")
    return [Ended(who.person_id, (sign_in_id,))]


async def end_others(connection: AsyncConnection, who: SignedIn) -> list[Ended]:
    """End every sign-in of a person but this one; what to publish."""
    result = await connection.execute(
        delete(SignIn)
        .where(SignIn.user_id == who.person_id, SignIn.id != who.sign_in_id)
        .returning(SignIn.id)
    )
    ids = tuple(result.scalars())
    return [Ended(who.person_id, ids)] if ids else []
