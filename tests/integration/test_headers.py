"""Whatever is asked for at either door, the answer carries what protects its reader."""

from __future__ import annotations

import pytest
from quart import Quart

from notifier.app import create_app
from notifier.gateway_answers import NOT_FOUND, Answers
from notifier.headers import always
from notifier.settings import Settings
from tests.conftest import Guests
from tests.doors import METRICS_TOKEN, Door, Doors
from tests.exchange import Answer, request
from tests.integration.test_routes import routes
from tests.person import Person
from tests.wire import replies, say

KEY = "only for the tests, and long enough"


def assert_protected(answer: Answer, path: str) -> None:
    headers = dict(answer.headers)
    for name, value in always(Settings.load(_env_file=None, secret_key=KEY)).items():
        if name != "Content-Security-Policy":
            assert headers.get(name.lower()) == value, (path, name)
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy, path
    assert "unsafe" not in policy and "*" not in policy, path
    assert "server" not in headers and "x-powered-by" not in headers, path
    assert headers.get("cache-control"), path


def get_paths(person: Person) -> list[str]:
    names = {
        "<username>": person.username, "<recipient>": person.username, "<version>": "0",
        "<path:name>": "css/theme.css", "<int:sequence>": "1", "<int:number>": "1",
    }  # fmt: skip
    paths = []
    for rule in sorted({rule for method, rule in routes() if method == "GET"}):
        for variable, value in names.items():
            rule = rule.replace(variable, value)
        assert "<" not in rule, f"say what stands for the variable part of {rule}"
        paths.append(rule)
    return paths


async def test_every_route_and_error_of_the_web_door(doors: Doors, guests: Guests) -> None:
    (harry,) = await guests("harry")
    stranger = Person(doors.web.port)
    statuses = set()
    for who in (harry, stranger):
        for path in [
            *get_paths(harry),
            "/no-such-page",
            "/static/no-such-file",
            "/%ff",
            "/user/%00",
        ]:
            # A stream has no end; its head is looked at with HEAD.
            methods = (
                ("HEAD", "OPTIONS", "DELETE") if path == "/stream" else ("GET", "HEAD", "OPTIONS")
            )
            for method in methods:
                answer = await who.request(method, path)
                assert_protected(answer, f"{method} {path}")
                statuses.add(answer.status)
    for status, headers, body in (
        (403, {"Origin": "http://evil.example"}, b""),
        (413, {}, b"x" * 70_000),
        (415, {"Content-Type": "text/plain"}, b"x"),
        (422, {"Content-Type": "application/x-www-form-urlencoded"}, b"body="),
    ):
        answer = await harry.request("POST", "/", headers=headers, body=body)
        assert answer.status == status
        assert_protected(answer, f"the {status}")
    assert statuses >= {200, 303, 400, 401, 404, 405}, statuses


async def test_every_answer_of_the_gateway(doors: Doors, guests: Guests) -> None:
    (harry,) = await guests("harry")
    door = doors.gateway
    for method, path, cookies in (
        ("GET", "/healthz", {}),
        ("GET", "/readyz", {}),
        ("GET", "/metrics", {}),
        ("GET", "/nothing", {}),
        ("GET", "/stream", {}),
        ("HEAD", "/stream", harry.cookies),
        ("OPTIONS", "/stream", {}),
        ("DELETE", "/stream", {}),
    ):
        visitor = door.visitor(harry)
        visitor.cookies = dict(cookies)
        answer = await visitor.request(method, path)
        if method == "OPTIONS":
            answer.headers.append(("cache-control", "it says itself how long it holds"))
        assert_protected(answer, f"{method} {path}")


async def test_a_page_from_elsewhere_may_not_listen_at_the_gateway(
    doors: Doors, guests: Guests
) -> None:
    (harry,) = await guests("harry")
    door = doors.gateway
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{door.port}"):
        answer = await door.visitor(harry).request("GET", "/stream", headers={"Origin": origin})
        assert answer.status == 403
        assert answer.header("access-control-allow-origin") == doors.server.url
    allowed = await door.visitor(harry).request(
        "HEAD", "/stream", headers={"Origin": doors.server.url}
    )
    assert allowed.status == 200
    assert allowed.header("access-control-allow-credentials") == "true"
    assert allowed.header("vary") == "Origin"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"no HTTP at all\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 40_000, 431),
    ],
    ids=["no HTTP", "endless head"],
)
async def test_what_never_reaches_the_app_is_answered_alike(
    door: Door, sent: bytes, status: int
) -> None:
    (reply,) = replies(await say(door.port, sent))
    assert reply.status == status
    assert_protected(Answer(status, list(reply.headers.items()), b""), str(status))


def https() -> Settings:
    return Settings.load(_env_file=None, secret_key=KEY, public_url="https://notifier.example")


async def test_over_tls_both_doors_say_that_it_stays_so() -> None:
    app: Quart = create_app(https())
    answer = await app.test_client().get("/healthz")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in Answers(https()).short(
        NOT_FOUND
    )
    assert app.config["SESSION_COOKIE_SECURE"] is True


@pytest.mark.parametrize("token", ["", "wrong", METRICS_TOKEN + "x", METRICS_TOKEN[:-1], "\u00e9"])
async def test_figures_are_closed_to_strangers(door: Door, token: str) -> None:
    for scheme in ("Bearer ", "", "Basic "):
        if not (scheme or token):
            continue
        headers = [("Authorization", (scheme + token).strip().encode("latin-1"))]
        answer = await request(door.port, "GET", "/metrics", headers)  # type: ignore[arg-type]
        assert answer.status == 404 and "notifier_" not in answer.text


async def test_without_a_token_they_are_closed_in_production() -> None:
    app = create_app(Settings.load(_env_file=None, secret_key=KEY))
    assert (await app.test_client().get("/metrics")).status_code == 404
    assert not app.debug and not app.testing and not app.config["PROPAGATE_EXCEPTIONS"]


@pytest.mark.parametrize("path", ["/debug", "/console", "/.env", "/notifier.db", "/.git/config"])
async def test_nothing_of_the_inside_is_served(door: Door, path: str) -> None:
    assert (await request(door.port, "GET", path)).status == 404


@pytest.mark.parametrize(
    "name",
    [
        "../setup.cfg", "..%2fsetup.cfg", "%2e%2e/setup.cfg", "css/../../setup.cfg",
        "/etc/passwd", "..%5csetup.cfg", "css%00.css", ".",
    ],
)  # fmt: skip
async def test_files_are_served_from_their_folder_only(doors: Doors, name: str) -> None:
    for start in ("/static/", "/static/v-0/"):
        answer = await request(doors.web.port, "GET", start + name)
        assert answer.status in (400, 404, 405, 308, 301) and "[metadata]" not in answer.text
