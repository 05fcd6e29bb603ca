"""Sign-ins: who stands behind a cookie, for how long, and how access ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
import time_machine
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import accounts, passwords, sign_ins, signed_in
from notifier.engine import DAY_SECONDS, Engine
from notifier.errors import Refused, Unavailable
from notifier.events import Ended
from notifier.models import SignIn, User
from notifier.passwords import Passwords
from notifier.sign_ins import SIGN_INS_PER_PERSON
from notifier.signed_in import hash_auth_id
from tests.integration.conftest import StartEngine, add_people, both, together

PASSWORD = "correct horse 9"


class PlainPasswords(Passwords):
    """Compares instead of hashing: what takes Argon2 a tenth of a second is not the matter here."""

    async def hash(self, password: str) -> str:
        return f"hashed {password}"

    async def check(self, password_hash: str | None, password: str) -> bool:
        return password_hash == f"hashed {password}"


@pytest.fixture
def plain() -> PlainPasswords:
    return PlainPasswords(1)


@pytest.fixture
async def gitau(engine: Engine, plain: PlainPasswords) -> int:
    return await registered(engine, plain, "gitau")


async def registered(engine: Engine, plain: Passwords, name: str) -> int:
    email = f"{name}@example.org"
    return await accounts.register(engine.database, plain, name, email, PASSWORD)


async def entered(engine: Engine, plain: Passwords, **options: bool) -> str:
    """A sign-in with the right password; its `auth_id`."""
    found = await sign_ins.sign_in(engine.database, plain, "gitau", PASSWORD, **options)  # type: ignore[arg-type]
    assert found is not None
    return found[0]


async def ids(connection: AsyncConnection) -> list[int]:
    return list((await connection.execute(select(SignIn.id).order_by(SignIn.id))).scalars())


async def test_who_signs_in_is_found_by_their_cookie_and_nobody_else(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    auth_id = await entered(engine, plain)
    who = await engine.sign_ins.find(auth_id)
    assert who is not None
    assert (who.person_id, who.username, who.last_sequence) == (gitau, "gitau", 0)
    for wrong in ("", "x", auth_id[:-1], auth_id + "x", "x" * 10_000, "ключ", auth_id.swapcase()):
        assert await engine.sign_ins.find(wrong) is None


@pytest.mark.parametrize(
    ("name", "password"),
    [("gitau", "wrong horse 9"), ("nobody", PASSWORD), ("", ""), ("gitau", PASSWORD + "\0")],
)
async def test_a_wrong_name_or_password_signs_nobody_in(
    engine: Engine, plain: PlainPasswords, gitau: int, name: str, password: str
) -> None:
    assert await sign_ins.sign_in(engine.database, plain, name, password) is None
    async with engine.database.read() as connection:
        assert await ids(connection) == []


async def test_the_table_does_not_hold_what_the_cookie_holds(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    first, second = await entered(engine, plain), await entered(engine, plain)
    assert first != second, "every sign-in is new"
    async with engine.database.read() as connection:
        stored = (await connection.execute(select(SignIn.auth_hash))).scalars().all()
    assert sorted(stored) == sorted([hash_auth_id(first), hash_auth_id(second)])
    assert not {first, second} & set(stored)
    assert await engine.sign_ins.find(stored[0]) is None


@pytest.mark.parametrize(("remember", "days"), [(False, 1), (True, 30)])
async def test_a_sign_in_ends_with_its_time(
    engine: Engine, plain: PlainPasswords, gitau: int, remember: bool, days: int
) -> None:
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as clock:
        auth_id = await entered(engine, plain, remember=remember)
        clock.shift(days * DAY_SECONDS - 1)
        who = await engine.sign_ins.find(auth_id)
        assert who is not None
        valid = await signed_in.positions(engine.database, [who.sign_in_id])
        assert valid == {who.sign_in_id: 0}
        await sign_ins.remove_expired(engine.database)
        clock.shift(1)
        assert await engine.sign_ins.find(auth_id) is None
        assert await signed_in.positions(engine.database, [who.sign_in_id]) == {}
        async with engine.database.read() as connection:
            assert await ids(connection) == [who.sign_in_id], "the precondition: not yet removed"
        await sign_ins.remove_expired(engine.database)
        async with engine.database.read() as connection:
            assert await ids(connection) == []


async def test_signing_out_ends_ones_own_sign_in_only(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    await registered(engine, plain, "zoe")
    one, other = await entered(engine, plain), await entered(engine, plain)
    who, kept = await engine.sign_ins.find(one), await engine.sign_ins.find(other)
    assert who is not None and kept is not None
    foreign = who._replace(sign_in_id=kept.sign_in_id, person_id=gitau + 1)
    await sign_ins.sign_out(engine.database, foreign)
    assert await engine.sign_ins.find(other), "another person's sign-in is not theirs to end"
    assert await sign_ins.sign_out(engine.database, who) == [Ended(gitau, (who.sign_in_id,))]
    assert await engine.sign_ins.find(one) is None
    still = await engine.sign_ins.find(other)
    assert still is not None and still.sign_in_id == kept.sign_in_id


async def test_a_new_password_ends_every_sign_in_and_begins_one(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    old = [await entered(engine, plain) for _ in range(3)]
    who = await engine.sign_ins.find(old[0])
    assert who is not None
    with pytest.raises(Refused, match="not your present password"):
        await sign_ins.change_password(engine.database, plain, who, "wrong one", "a new horse 9")
    with pytest.raises(Refused, match="8 to 128"):
        await sign_ins.change_password(engine.database, plain, who, PASSWORD, "short")
    assert await engine.sign_ins.find(old[1]), "nothing has changed yet"
    auth_id, remembered, ended = await sign_ins.change_password(
        engine.database, plain, who, PASSWORD, "a new horse 9"
    )
    assert [await engine.sign_ins.find(one) for one in old] == [None] * 3
    assert (await engine.sign_ins.find(auth_id)) is not None
    assert not remembered, "as little as the one before"
    assert [sorted(one.sign_in_ids) for one in ended] == [[1, 2, 3]]
    assert await sign_ins.sign_in(engine.database, plain, "gitau", PASSWORD) is None
    assert await sign_ins.sign_in(engine.database, plain, "gitau", "a new horse 9") is not None


@both
async def test_a_password_that_changes_while_it_is_checked_signs_nobody_in(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine()
    plain = PlainPasswords(1)
    await registered(engine, plain, "gitau")

    class Meanwhile(PlainPasswords):
        async def check(self, password_hash: str | None, password: str) -> bool:
            matches = await super().check(password_hash, password)
            async with engine.database.write() as connection:
                await connection.execute(update(User).values(password_hash="hashed another"))
            return matches

    assert await sign_ins.sign_in(engine.database, Meanwhile(1), "gitau", PASSWORD) is None
    async with engine.database.read() as connection:
        assert await ids(connection) == []


async def test_the_oldest_of_too_many_sign_ins_end(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    first = await entered(engine, plain)
    for _ in range(SIGN_INS_PER_PERSON - 1):
        await entered(engine, plain)
    assert await engine.sign_ins.find(first) is not None
    found = await sign_ins.sign_in(engine.database, plain, "gitau", PASSWORD)
    assert found is not None and found[1] == [Ended(gitau, (1,))]
    assert await engine.sign_ins.find(first) is None


async def test_requests_of_one_moment_share_a_look_up(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    cookies = [await entered(engine, plain) for _ in range(5)]
    before = engine.database.queries
    found = await together(*(engine.sign_ins.find(one) for one in [*cookies, "forged", *cookies]))
    assert [one is not None for one in found] == [True] * 5 + [False] + [True] * 5
    assert engine.database.queries - before <= 2


@both
async def test_each_of_those_who_share_a_look_up_gets_their_own(engine: Engine) -> None:
    people = await add_people(engine.database, "harry", "gitau", "third", "fourth")
    auth_ids = []
    async with engine.database.write() as connection:
        for person_id in people:
            auth_ids.append(await sign_ins.start(connection, person_id, remember=False))
            await connection.execute(
                update(User).where(User.id == person_id).values(last_sequence=10 * person_id)
            )
    harry, gitau, third, fourth = auth_ids
    asked = [third, "1.forged", harry, third, fourth, f"{harry}x", gitau]
    found = await asyncio.gather(*(engine.sign_ins.find(one) for one in asked))
    names = ["third", None, "harry", "third", "fourth", None, "gitau"]
    assert [one and one.username for one in found] == names
    ids_of = dict(zip(["harry", "gitau", "third", "fourth"], people, strict=True))
    for one in found:
        if one is not None:
            assert one.person_id == ids_of[one.username]
            assert one.last_sequence == 10 * one.person_id


async def test_reconciles_question_covers_any_number_of_streams(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    await entered(engine, plain)
    many = [*range(1, signed_in.LOOKUP_MOST * 2 + 10)]
    assert await signed_in.positions(engine.database, many) == {1: 0}
    assert await signed_in.positions(engine.database, []) == {}


async def test_a_name_and_an_address_belong_to_one_person(
    engine: Engine, plain: PlainPasswords, gitau: int
) -> None:
    for name, email in (("GITAU", "new@example.org"), ("new", "Gitau@Example.org")):
        with pytest.raises(Refused):
            await accounts.register(engine.database, plain, name, email, PASSWORD)
    twins = [
        accounts.register(engine.database, plain, name, f"{name}{n}@example.org", PASSWORD)
        for n, name in enumerate(("twin", "Twin", "TWIN"))
    ]
    answers = await together(*twins)
    assert sorted(isinstance(answer, int) for answer in answers) == [False, False, True]


async def test_seen_is_written_at_most_once_a_minute(engine: Engine) -> None:
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as clock:
        (gitau,) = await add_people(engine.database, "gitau")
        seen = []
        for seconds in (30, 31, 10, 120):
            clock.shift(seconds)
            await accounts.seen(engine.database, gitau)
            async with engine.database.read() as connection:
                at = await connection.scalar(select(User.last_seen_at).where(User.id == gitau))
                seen.append(float(at or 0) - time.time())
    assert seen == [-30, 0, -10, 0]


# -- passwords -----------------------------------------------------------------------------------


@pytest.fixture
async def real() -> AsyncIterator[Passwords]:
    hashing = Passwords(2)
    yield hashing
    hashing.close()


async def test_a_password_is_known_by_its_hash_alone(real: Passwords) -> None:
    one, other = await together(real.hash(PASSWORD), real.hash(PASSWORD))
    assert isinstance(one, str) and one.startswith("$argon2id$")
    assert one != other, "salted"
    assert await real.check(one, PASSWORD)
    assert not await real.check(one, PASSWORD + " ")
    assert not await real.check("no hash at all", PASSWORD)
    assert not await real.check(None, "nobody has this password")


class SlowHasher:
    """Takes until it is let go, and notes how many it was doing at once."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.let_go.wait(10)
        with self._lock:
            self._now -= 1
        return password


async def test_hashing_is_bounded_and_off_the_loop(
    real: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "WAITING_MOST", 4)
    slow = SlowHasher()
    monkeypatch.setattr(real, "_hasher", slow)
    tasks = [asyncio.create_task(real.hash(str(number))) for number in range(7)]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert {type(task.exception()) for task in done} == {Unavailable}
    slow.let_go.set()
    answers = await together(*tasks)
    assert [answer for answer in answers if isinstance(answer, str)] == ["0", "1", "2", "3"]
    assert len(done) == 3 and len(waiting) == 4
    assert slow.most == 2
