"""Reconcile while streams come and go."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from notifier import signed_in
from notifier.database import Database
from notifier.engine import Engine
from notifier.subscriber import Subscriber
from tests.integration.conftest import add_people
from tests.integration.conftest import signed_in as sign_in


async def test_who_becomes_known_while_reconcile_asks_is_not_signed_out(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen with a slow database: a stream joins first and learns its sign-in a moment later."""
    (gitau,) = await add_people(engine.database, "gitau")
    who = await sign_in(engine, gitau)
    known = Subscriber(gitau, who.sign_in_id, 0, lambda: None)
    unknown = Subscriber(gitau, 0, 0, lambda: None)
    for subscriber in (known, unknown):
        engine.hub.join(subscriber)
    ask = signed_in.positions

    async def ask_slowly(database: Database, ids: Iterable[int]) -> dict[int, int]:
        found = await ask(database, [one for one in ids if one != unknown.sign_in_id])
        unknown.sign_in_id = who.sign_in_id + 1
        return found

    monkeypatch.setattr(signed_in, "positions", ask_slowly)
    await engine.reconcile()
    assert unknown.sign_in_id, "the precondition: it became known meanwhile"
    assert known.ending is None
    assert unknown.ending is None
