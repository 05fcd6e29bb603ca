"""Which language somebody is answered in, and how they choose another."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from notifier.languages import catalogue, languages
from tests.conftest import People
from tests.integration.test_routes import routes
from tests.person import Person
from tests.processes import Server

# They do not end, or are asked by programs.
NO_PAGES = {"/stream", "/diagnostics/drip", "/metrics"}


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


class _Shown(HTMLParser):
    """Every text on a page, and what is read out in its place, apart from the languages' names."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.texts.add(" ".join(data.split()).rstrip(":"))

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts |= {value or "" for name, value in attrs if name in {"aria-label", "title"}}


async def test_no_page_in_korean_shows_an_english_sentence(people: People) -> None:
    """What is in the catalogue can still be printed as it stands in the code."""
    harry, gitau = await people("harry", "gitau")
    await gitau.send(harry, "hello, a first message")
    await gitau.request("POST", "/", fields={"body": "good morning, everybody"})
    english = set(catalogue("ko").sentences)
    found = {}
    for method, rule in [*routes(), ("GET", "/nowhere"), ("GET", "/search?q=nobody")]:
        path = rule.replace("<username>", gitau.username).replace("<recipient>", gitau.username)
        if method != "GET" or "<" in path or path in NO_PAGES:
            continue
        answer = await harry.get(path, Accept="text/html", Accept_Language="ko")
        page = _Shown()
        page.feed(answer.text)
        if wrong := page.texts & english:
            found[path] = wrong
    assert found == {}
