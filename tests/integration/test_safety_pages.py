"""Being left alone, through the pages and the JSON: each rule from both sides."""

from __future__ import annotations

from html import unescape

from tests.conftest import People
from tests.exchange import Answer
from tests.person import PASSWORD, Person

JSON = {"Accept": "application/json"}


async def post(person: Person, path: str, **fields: str) -> Answer:
    return await person.request("POST", path, fields=fields)


async def send_json(person: Person, to: Person, text: str) -> Answer:
    path = f"/send_message/{to.username}"
    return await person.request("POST", path, fields={"message": text}, headers=JSON)


async def test_a_block_from_both_sides(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    about = {"username": harry.username, "about_me": "about words"}
    await harry.request("POST", "/edit-profile", fields=about)
    await post(harry, "/", body="posted words")
    before = await send_json(harry, gitau, "first words")
    assert "posted words" in (await gitau.get("/")).text, "the precondition: seen before"

    assert (await post(gitau, f"/user/{harry.username}/block")).status == 303
    sent = await send_json(harry, gitau, "second words")
    assert sent.status == before.status == 201 and set(sent.json) == set(before.json)
    by_form = await harry.send(gitau, "third words")
    assert by_form.location == f"/user/{gitau.username}"
    assert "third words" in (await harry.get(f"/conversations/{gitau.username}")).text
    shown = unescape((await harry.get(f"/user/{gitau.username}")).text)
    assert "blocked" not in shown

    page = (await gitau.get(f"/user/{harry.username}")).text
    assert "You have blocked this person" in page and "words" not in page
    assert "Last seen" not in page
    assert "words" not in (await gitau.get(f"/user/{harry.username}/popup")).text
    assert (await gitau.get(f"/conversations/{harry.username}")).status == 404
    assert "posted words" not in (await gitau.get("/")).text
    assert harry.username in (await gitau.get("/settings")).text, "where it can be lifted"
    refused = await send_json(gitau, harry, "an answer")
    assert refused.status == 403 and "You have blocked" in refused.json["error"]

    await post(gitau, f"/user/{harry.username}/unblock")
    seen = (await gitau.get(f"/conversations/{harry.username}")).text
    assert "first words" in seen and "second words" not in seen


async def test_a_blocked_person_rings_no_stream(people: People) -> None:
    harry, gitau, third = await people("harry", "gitau", "third")
    async with gitau.stream() as stream:
        await post(gitau, f"/user/{harry.username}/block")
        await harry.send(gitau, "not for your ears")
        await third.send(gitau, "for your ears")
        await stream.named("message")
        assert stream.texts == ["for your ears"]
        assert harry.username not in str(stream.events)


async def test_open_pages_are_told_that_somebody_is_out_of_sight_and_ask_who(
    people: People,
) -> None:
    harry, gitau, third = await people("harry", "gitau", "third")
    names = f"{harry.username},{third.username.upper()},nobody-here"
    path = f"/people/in-sight?people={names}"
    assert sorted((await gitau.get(path)).json) == sorted([harry.username, third.username])
    async with gitau.stream(None) as stream, harry.stream(None) as his:
        await post(gitau, f"/user/{harry.username}/block")
        await stream.named("out_of_sight")
        assert (await gitau.get(path)).json == [third.username]
        await third.request("POST", "/delete-account", fields={"password": PASSWORD})
        assert (await gitau.get(path)).json == []
        await gitau.send(harry, "no")
        await post(gitau, f"/user/{harry.username}/unblock")
        await gitau.send(harry, "a precondition: harry hears")
        await his.named("message")
        assert "out_of_sight" not in str(his.events), "they are not told"
    assert (await gitau.get(path)).json == [harry.username]
    too_many = ",".join(f"p{number}" for number in range(51))
    assert (await gitau.get(f"/people/in-sight?people={too_many}")).status == 400


async def test_muting_from_both_sides(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    await post(gitau, f"/user/{harry.username}/mute", next="/settings")
    async with gitau.stream() as stream:
        assert (await harry.send(gitau, "quietly")).status == 303
        await stream.named("quiet_message")
        assert await gitau.unread() == 0
        await post(gitau, f"/user/{harry.username}/unmute")
        await stream.count(1)
    assert "quietly" in (await gitau.get(f"/conversations/{harry.username}")).text


async def test_who_may_write_is_said_openly_in_both_forms(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    assert (await post(gitau, "/settings/who-may-write", who_may_write="known")).status == 303
    by_json = await send_json(harry, gitau, "hello")
    assert by_json.status == 403
    sentence = f"{gitau.username} takes messages only from people they have written to."
    assert by_json.json["error"] == sentence
    by_form = await harry.send(gitau, "hello, kept in the form")
    assert by_form.status == 403
    assert sentence in by_form.text and "hello, kept in the form" in by_form.text
    await gitau.send(harry, "you may")
    assert (await send_json(harry, gitau, "thanks")).status == 201
    await post(gitau, "/settings/who-may-write", who_may_write="nobody")
    assert (await send_json(harry, gitau, "hello")).status == 403
    assert (await post(gitau, "/settings/who-may-write", who_may_write="x")).status == 422


async def test_safety_leads_nowhere_else_and_knows_nobody_who_is_not_there(
    people: People,
) -> None:
    harry, gitau = await people("harry", "gitau")
    answer = await post(gitau, f"/user/{harry.username}/mute", next="//evil.example")
    assert answer.location == "/"
    assert (await post(gitau, "/user/nobody-here/block")).status == 404
    assert (await post(gitau, f"/user/{gitau.username}/block")).status == 422
