"""Reports and what moderators do: what each of the three learns, and what the tables keep."""

from __future__ import annotations

import pytest

from tests.conftest import People, Serve
from tests.exchange import Answer
from tests.person import Person
from tests.processes import Server


async def post(person: Person, path: str, **fields: str) -> Answer:
    return await person.request("POST", path, fields=fields)


async def reported(server: Server, accused: Person) -> int:
    """The number of the newest report of somebody."""
    rows = await server.sql(
        'SELECT max(report.id) FROM report JOIN "user" ON "user".id = accused_id'
        " WHERE username = :name",
        name=accused.username,
    )
    return int(rows[0][0])


@pytest.fixture
async def three(server: Server, people: People) -> tuple[Person, Person, Person]:
    """Harry, Gitau, and a moderator."""
    harry, gitau, mona = await people("harry", "gitau", "mona")
    await server.sql(
        'UPDATE "user" SET is_moderator = true WHERE username = :name', name=mona.username
    )
    return harry, gitau, mona


async def report(server: Server, by: Person, accused: Person, text: str) -> int:
    page = (await by.get(f"/user/{accused.username}/report")).text
    assert text in page
    name = page.split(text)[0].rpartition('name="texts" value="')[2].partition('"')[0]
    answer = await post(
        by, f"/user/{accused.username}/report", reason="this is an insult", texts=name
    )
    assert answer.status == 303, answer.text
    return await reported(server, accused)


async def test_a_report_keeps_the_words_when_the_message_is_deleted(
    server: Server, three: tuple[Person, Person, Person]
) -> None:
    harry, gitau, mona = three
    await harry.send(gitau, "an insulting word")
    await harry.send(gitau, "a harmless word")
    number = await report(server, gitau, harry, "an insulting word")
    rows = await server.sql("SELECT id FROM message WHERE body = 'an insulting word'")
    gone = await post(harry, f"/conversations/{gitau.username}/delete", id=str(rows[0][0]))
    assert gone.status == 303
    page = (await mona.get("/moderation")).text
    assert "an insulting word" in page and "this is an insult" in page
    assert "a harmless word" not in page, "only what was chosen"
    assert gitau.username in page and harry.username in page
    assert (await post(mona, f"/moderation/{number}/dismiss")).status == 303
    assert "an insulting word" not in (await mona.get("/moderation")).text
    assert (await post(mona, f"/moderation/{number}/dismiss")).status == 404, "once"


async def test_for_others_there_is_no_such_page(
    server: Server, three: tuple[Person, Person, Person]
) -> None:
    harry, gitau, mona = three
    await harry.send(gitau, "an insult")
    number = await report(server, gitau, harry, "an insult")
    for person in (harry, gitau):
        assert (await person.get("/moderation")).status == 404
        for what in ("dismiss", "suspend"):
            assert (await post(person, f"/moderation/{number}/{what}")).status == 404
        assert (await post(person, f"/moderation/{number}/warn", words="x")).status == 404
        assert (await post(person, f"/moderation/lift/{mona.username}")).status == 404
    assert (await mona.get("/moderation")).status == 200


async def test_a_warning_reaches_the_accused_and_names_nobody(
    server: Server, three: tuple[Person, Person, Person]
) -> None:
    harry, gitau, mona = three
    await harry.send(gitau, "an insult")
    number = await report(server, gitau, harry, "an insult")
    assert (await post(mona, f"/moderation/{number}/warn", words=" ")).status == 422
    async with harry.stream() as stream:
        await post(mona, f"/moderation/{number}/warn", words="Please be kind.")
        warned = await stream.named("warning")
    assert warned.payload == {"text": "Please be kind."}
    assert "Please be kind." in (await harry.get("/notifications/all")).text


async def test_who_is_suspended_is_out_at_once_and_told_why_only_with_the_password(
    server: Server, three: tuple[Person, Person, Person]
) -> None:
    harry, gitau, mona = three
    await harry.send(gitau, "an insult")
    number = await report(server, gitau, harry, "an insult")
    async with harry.stream() as stream:
        await post(mona, f"/moderation/{number}/suspend")
        await stream.named("signed_out")
        await stream.end()
    assert (await harry.get("/notifications")).status == 401
    assert (await harry.send(gitau, "once more")).location.startswith("/login")

    again = Person(server.port, harry.username, harry.password)
    refused = await again.sign_in()
    assert refused.status == 403 and "suspended" in refused.text
    assert "notifier" not in again.cookies
    guess = await Person(server.port, harry.username, "not the password").sign_in()
    assert guess.status == 401 and "suspended" not in guess.text

    assert harry.username in (await mona.get("/moderation")).text
    await post(mona, f"/moderation/lift/{harry.username}")
    assert (await again.sign_in()).status == 303


async def test_a_report_of_a_moderator_is_for_the_others(
    server: Server, three: tuple[Person, Person, Person]
) -> None:
    harry, other, mona = three
    await server.sql(
        'UPDATE "user" SET is_moderator = true WHERE username = :name', name=other.username
    )
    await mona.send(harry, "a word of mine")
    number = await report(server, harry, mona, "a word of mine")
    assert "a word of mine" not in (await mona.get("/moderation")).text
    assert (await post(mona, f"/moderation/{number}/dismiss")).status == 404
    assert "a word of mine" in (await other.get("/moderation")).text
    refused = await post(other, f"/moderation/{number}/suspend")
    assert refused.status == 422, "an operator takes the role away first"
    assert (await mona.get("/moderation")).status == 200
    await post(other, f"/moderation/{number}/dismiss")


async def test_only_what_the_reporter_saw_is_copied(
    server: Server, three: tuple[Person, Person, Person]
) -> None:
    harry, gitau, mona = three
    await harry.send(mona, "between harry and mona")
    rows = await server.sql("SELECT id FROM message WHERE body = 'between harry and mona'")
    number = rows[0][0]
    path = f"/user/{harry.username}/report"
    await post(gitau, path, reason="curious", texts=f"message-{number}")
    await post(gitau, path, reason="curious", texts="message-x")
    assert "between harry and mona" not in (await mona.get("/moderation")).text
    assert (await post(gitau, path, reason=" ")).status == 422
    assert (await gitau.get(f"/user/{gitau.username}/report")).status == 422
    for _ in range(2):
        await post(mona, f"/moderation/{await reported(server, harry)}/dismiss")
        await server.sql("DELETE FROM report WHERE closed_at IS NOT NULL AND reason = 'curious'")


async def test_the_command_makes_and_unmakes_moderators(serve: Serve, people: People) -> None:
    server = await serve()
    (harry,) = await people("harry", on=server)
    assert (await harry.get("/moderation")).status == 404
    other = Server(server.folder, DATABASE_URL=server.environment["DATABASE_URL"])
    assert await other.run("moderator", harry.username) == 0, other.output()
    assert (await harry.get("/moderation")).status == 200
    assert await other.run("moderator", harry.username, "--remove") == 0
    assert (await harry.get("/moderation")).status == 404
    assert await other.run("moderator", "nobody-here") == 1
