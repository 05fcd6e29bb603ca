"""What the first page costs to fetch: everything that it loads, counted on the wire."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.conftest import People
from tests.exchange import Answer
from tests.person import Person

# The budget, heads of the answers included.
PAGE_MOST_BYTES = 100_000
LOADS = re.compile(
    r'<(?:link rel="(?:icon|stylesheet|modulepreload)"|script)[^>]*? (?:href|src)="([^"]+)"'
)


def on_the_wire(answer: Answer) -> int:
    head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers)
    return len("HTTP/1.1 200 \r\n\r\n") + head + len(answer.body)


async def weights(person: Person, path: str) -> dict[str, int]:
    """The bytes of the page at `path`, and of each file that it loads."""
    page = await person.get(path)
    assert page.status == 200, page.text
    assert not page.header("content-encoding"), "a page is not compressed, see assets.py"
    found = {path: on_the_wire(page)}
    for file in LOADS.findall(page.text):
        answer = await person.get(file, Accept_Encoding="gzip, deflate, br")
        assert answer.status == 200, file
        found[file] = on_the_wire(answer)
    return found


async def test_the_first_pages_are_light(people: People) -> None:
    harry, gitau = await people("harry", "gitau")
    for number in range(25):
        await gitau.request("POST", "/", fields={"body": f"Good morning, everybody: {number}"})
    for person, path in ((Person(harry.port), "/login"), (harry, "/"), (harry, "/conversations")):
        found = await weights(person, path)
        assert any("bootstrap" in file for file in found), found
        assert any("main.js" in file for file in found), found
        assert sum(found.values()) < PAGE_MOST_BYTES, (path, sum(found.values()), found)


@pytest.mark.parametrize("name", ["css/theme.css", "js/main.js", "img/favicon.svg"])
async def test_a_text_goes_out_in_the_encoding_that_was_asked_for(
    people: People, name: str
) -> None:
    (harry,) = await people("harry")
    path = f"/static/{name}"
    small = await harry.get(path, Accept_Encoding="br;q=1, gzip;q=0.5")
    whole = await harry.get(path)
    refused = await harry.get(path, Accept_Encoding="gzip;q=0, *")
    assert small.header("content-encoding") == "gzip"
    assert gzip.decompress(small.body) == whole.body == refused.body
    for answer in (small, whole, refused):
        assert answer.header("vary") == "Accept-Encoding"
        assert answer.header("content-type") == whole.header("content-type")
        # How long it is kept is said once.
        assert not answer.header("expires")
    for encoding in ("gzip", "identity"):
        again = await harry.get(path, Accept_Encoding=encoding, If_None_Match=small.header("etag"))
        assert (again.status, again.body) == (304, b""), encoding
    part = await harry.get(path, Accept_Encoding="gzip", Range="bytes=0-9")
    assert (part.status, part.body) in ((206, whole.body[:10]), (200, small.body))
