"""Which language somebody is answered in, and how they choose another."""

from __future__ import annotations

import pytest

from notifier.languages import languages
from tests.conftest import People
from tests.person import Person
from tests.processes import Server


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.5", "ko"),
        ("ko", "ko"),
        ("en-GB,en;q=0.9,ko;q=0.1", "en"),
        ("xx,ko;q=0.3", "ko"),
        ("xx", "en"),
        ("", "en"),
        ("*", "en"),
        (";;;q=,,", "en"),
        ("ko," * 500, "ko"),
    ],
)
async def test_a_browser_says_what_it_wants(server: Server, wanted: str, spoken: str) -> None:
    page = await Person(server.port).get("/login", Accept_Language=wanted)
    assert f'<html lang="{spoken}" dir="ltr">' in page.text


async def test_what_was_chosen_holds_and_leads_back(people: People) -> None:
    (gitau,) = await people("gitau")
    answer = await gitau.request("POST", "/language?next=/settings", fields={"language": "ko"})
    assert (answer.status, answer.location) == (303, "/settings")
    page = await gitau.get("/settings", Accept_Language="en")
    assert '<html lang="ko"' in page.text
    for name in languages().values():
        assert name in page.text


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "/\\evil"])
async def test_choosing_leads_nowhere_else(server: Server, elsewhere: str) -> None:
    answer = await Person(server.port).request(
        "POST", f"/language?next={elsewhere}", fields={"language": "en"}
    )
    assert answer.location == "/"


async def test_a_language_that_is_not_there_is_refused(server: Server) -> None:
    answer = await Person(server.port).request("POST", "/language", fields={"language": "../ko"})
    assert answer.status == 400
