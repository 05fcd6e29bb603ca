"""What is too often is 429 with the seconds to wait, and nobody is locked out by others."""

from __future__ import annotations

from tests.conftest import People, Serve
from tests.exchange import Answer
from tests.person import Person
from tests.processes import RedisServer

WRONG = "not the password"
# From one place against one name; web/limits.py gives the reason for the number.
GUESSES_MOST = 10
ACCOUNT_MOST = 40


async def guess(port: int, name: str, **headers: str) -> Answer:
    fields = {"username": name, "password": WRONG}
    return await Person(port).request("POST", "/login", fields=fields, headers=headers)


def assert_too_many(answer: Answer) -> None:
    assert answer.status == 429, answer.text
    assert 1 <= int(answer.header("retry-after")) <= 300
    assert "too often" in answer.text


async def test_guessing_a_password_is_stopped_for_a_while(serve: Serve, people: People) -> None:
    server = await serve(NOTIFIER_RATE_LIMITS="on")
    harry, gitau = await people("harry", "gitau", on=server)
    assert (await harry.sign_in()).status == 303
    # That one counted too.
    for _ in range(GUESSES_MOST - 1):
        assert (await guess(server.port, harry.username)).status == 401
    assert_too_many(await guess(server.port, harry.username))
    # Another name from the same place is not stopped by it.
    assert (await guess(server.port, gitau.username)).status == 401
    # Nor is the person, in a browser where they have signed in before.
    assert (await harry.sign_in()).status == 303


async def test_guessing_from_everywhere_is_stopped_and_locks_nobody_out(
    serve: Serve, people: People
) -> None:
    server = await serve(NOTIFIER_RATE_LIMITS="on", NOTIFIER_TRUSTED_PROXIES=1)
    (harry,) = await people("harry", on=server)
    # In the browser that is not locked out in the end.
    assert (await harry.sign_in()).status == 303
    answers = [
        await guess(server.port, harry.username, X_Forwarded_For=f"203.0.113.{n}")
        for n in range(ACCOUNT_MOST + 1)
    ]
    assert_too_many(answers[-1])
    assert (await harry.sign_in()).status == 303


async def test_an_address_that_is_made_up_is_not_believed(serve: Serve, people: People) -> None:
    server = await serve(NOTIFIER_RATE_LIMITS="on")
    (harry,) = await people("harry", on=server)
    answers = [
        await guess(server.port, harry.username, X_Forwarded_For=f"203.0.113.{n}")
        for n in range(GUESSES_MOST + 1)
    ]
    assert_too_many(answers[-1])


async def test_the_limits_are_shared_by_all_workers(
    serve: Serve, people: People, redis: RedisServer
) -> None:
    server = await serve("--workers", "2", REDIS_URL=redis.url, NOTIFIER_RATE_LIMITS="on")
    (harry,) = await people("harry", on=server)
    answers = [await guess(server.port, harry.username) for _ in range(GUESSES_MOST + 1)]
    assert [answer.status for answer in answers[:-1]] == [401] * GUESSES_MOST
    assert_too_many(answers[-1])


async def test_a_flood_of_messages_is_stopped_and_keeps_what_was_written(
    serve: Serve, people: People
) -> None:
    server = await serve(NOTIFIER_RATE_LIMITS="on")
    harry, gitau = await people("harry", "gitau", on=server)
    answers = [await harry.send(gitau, f"message {n}") for n in range(61)]
    assert {answer.status for answer in answers[:-1]} == {303}
    assert_too_many(answers[-1])
    assert "message 60</textarea>" in answers[-1].text
    assert await gitau.unread() == 60
