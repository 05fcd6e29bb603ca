"""A newcomer is told what to do first, and no longer once it is done."""

from __future__ import annotations

from tests.conftest import People


async def test_first_steps_go_as_they_are_taken(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    page = await gitau.get("/")
    assert "First steps" in page.text and "done</span>" not in page.text
    await gitau.submit("/edit-profile", username=gitau.username, about_me="I am here.")
    await gitau.submit("/", body="Hello, everybody.")
    page = await gitau.get("/")
    assert page.text.count("done</span>") == 2
    await gitau.send(harry, "hello")
    assert "First steps" not in (await gitau.get("/")).text
