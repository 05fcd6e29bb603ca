"""Only our own pages change anything: every witness of an origin, at every form."""

from __future__ import annotations

import itertools

from notifier.models import Base
from tests.conftest import Guests
from tests.doors import Doors
from tests.integration.test_routes import routes
from tests.person import Person
from tests.processes import Server
from tests.wire import replies, say

FETCH_SITES = (
    None,
    "same-origin",
    "SAME-ORIGIN",
    "none",
    "same-site",
    "cross-site",
    "",
    "nonsense",
)
OURS = frozenset({"same-origin", "SAME-ORIGIN", "none"})
BROWSERS_FETCH = frozenset({None, "same-origin", "same-site", "cross-site"})
BROWSERS_SAY = frozenset({None, "https://evil.example", "null"})
# Hundreds of answers, one after the other, on a machine that has other things to do.
ALL_SECONDS = 60.0
METHODS = ("POST", "DELETE")


def origins(port: int) -> dict[str | None, bool]:
    """What `Origin` may say, and whether it is ours."""
    return {
        None: True,
        f"http://127.0.0.1:{port}": True,
        f"HTTP://127.0.0.1:{port}": True,
        f"http://localhost:{port}": True,
        f"http://127.0.0.1:{port + 1}": False,
        "http://127.0.0.1": False,
        f"http://127.0.0.1:{port}.evil.example": False,
        f"http://127.0.0.1:{port}@evil.example": False,
        f"http://127.0.0.1:{port}/path": False,
        f"http://127.0.0.1:{port} http://evil.example": False,
        "https://evil.example": False,
        "null": False,
        "": False,
        "http://[": False,
        "nonsense": False,
        # Longer than any name can be, which is not even looked at.
        f"http://{'a' * 700}.example": False,
    }


async def test_only_the_same_origin_passes_at_every_form(doors: Doors) -> None:
    port = doors.web.port
    cases = [
        (method, path, site, origin, ours)
        for path in form_paths()
        for method in (METHODS if path == "/" else METHODS[:1])
        for site, (origin, ours) in itertools.product(FETCH_SITES, origins(port).items())
        # All that can be said is said at one of them; at the others what browsers do say.
        if (method, path) == ("POST", "/")
        or (site in BROWSERS_FETCH and origin in {*BROWSERS_SAY, f"http://127.0.0.1:{port}"})
    ]
    assert len(cases) > 200 and len({case[1] for case in cases}) >= 7, "the precondition"
    sent = b"".join(request(port, *case[:4]) for case in cases) + b"GET /healthz HTTP/1.0\r\n\r\n"
    answers = replies(await say(port, sent, within=ALL_SECONDS))
    assert len(answers) == len(cases) + 1
    for (method, path, site, origin, ours), answer in zip(cases, answers, strict=False):
        passes = ours and (site in OURS or site is None) and not (site is None and origin is None)
        assert (answer.status != 403) is passes, (method, path, site, origin, answer.status)


def form_paths() -> list[str]:
    rules = {rule for method, rule in routes() if method == "POST"}
    return sorted(rule.replace("<recipient>", "nobody") for rule in rules)


def request(port: int, method: str, path: str, site: str | None, origin: str | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Length: 0"]
    lines += [f"Sec-Fetch-Site: {site}"] if site is not None else []
    lines += [f"Origin: {origin}"] if origin is not None else []
    # JSON, because a page for each would take its time to render.
    return "\r\n".join([*lines, "Accept: application/json", "", ""]).encode()


async def test_another_origins_host_is_not_believed(doors: Doors, guests: Guests) -> None:
    harry, gitau = await guests("harry", "gitau")
    headers = {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": None}
    path = f"/send_message/{gitau.username}"
    answer = await harry.request("POST", path, fields={"message": "x"}, headers=headers)
    assert answer.status == 403
    for name in ("X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host"):
        forged = {name: "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": None}
        assert (
            await harry.request("POST", path, fields={"message": "x"}, headers=forged)
        ).status == 403
    assert await gitau.unread() == 0


async def test_a_forged_host_or_proxy_changes_no_answer(doors: Doors, guests: Guests) -> None:
    (harry,) = await guests("harry")
    for path in ("/messages", "/user/no-such-person", "/change-password"):
        plain = await harry.get(path)
        forged = await harry.request(
            "GET",
            path,
            headers={
                "Host": "evil.example", "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil.example",
                "X-Forwarded-For": "evil.example", "Forwarded": "host=evil.example",
                "X-Original-URL": "/evil.example", "X-Rewrite-URL": "/evil.example",
                "X-HTTP-Method-Override": "DELETE",
            },
        )  # fmt: skip
        assert (forged.status, forged.text) == (plain.status, plain.text)
        assert "evil" not in str(forged.headers)
    stranger = await Person(doors.web.port).request(
        "GET", "/messages", headers={"Host": "evil.example"}
    )
    assert stranger.location == "/login?next=/messages"


async def test_looking_changes_nothing_but_what_the_contract_says(
    doors: Doors, guests: Guests
) -> None:
    harry, gitau = await guests("harry", "gitau")
    await gitau.send(harry, "not read yet")
    before = await content(doors.server)
    query = "?message=changed&body=changed&username=changed&about_me=changed&password=changed"
    for method, rule in routes():
        if method != "GET" or rule in {"/stream", "/messages"}:
            continue
        path = rule.replace("<username>", gitau.username).replace("<recipient>", gitau.username)
        for used in ("GET", "HEAD", "OPTIONS"):
            await harry.request(used, path + query, headers={"Sec-Fetch-Site": "cross-site"})
    for used, headers in (("HEAD", {}), ("OPTIONS", {}), ("GET", {"Sec-Purpose": "prefetch"})):
        await harry.request(used, "/messages", headers=headers)
    assert await content(doors.server) == before
    await harry.get("/messages")
    assert await content(doors.server) != before, "what the inbox shows is read"


async def content(server: Server) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is stored, but when people were last seen."""
    found = {}
    for table in Base.metadata.sorted_tables:
        names = [column.name for column in table.columns if column.name != "last_seen_at"]
        kept = ", ".join(f'"{name}"' for name in names)
        rows = await server.sql(f'SELECT {kept} FROM "{table.name}" ORDER BY 1, 2')
        found[table.name] = [tuple(row) for row in rows]
    assert {"user", "message", "notification"} <= found.keys()
    return found
