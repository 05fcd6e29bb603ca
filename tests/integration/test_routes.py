"""Every route is for people who are signed in, or on this short list."""

from __future__ import annotations

import re

import pytest

from notifier.app import create_app
from notifier.settings import Settings
from tests.person import Person
from tests.processes import Server

# What a stranger may see: the way in, what makes the pages look right, and an operator's probes.
PUBLIC = {
    "/login",
    "/register",
    "/static/<path:name>",
    "/static/v-<version>/<path:name>",
    "/service-worker.js",
    "/manifest.webmanifest",
    "/language",
    "/healthz",
    "/stream/probe",
    "/readyz",
    "/metrics",
}


def routes() -> list[tuple[str, str]]:
    """Method and rule of every route of the app."""
    settings = Settings.load(secret_key="only for the tests, and long enough", _env_file=None)
    return sorted(
        (method, rule.rule)
        for rule in create_app(settings).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


def test_the_public_ones_are_there() -> None:
    assert {rule for _, rule in routes()} >= PUBLIC


@pytest.mark.parametrize(("method", "rule"), [r for r in routes() if r[1] not in PUBLIC])
async def test_a_stranger_is_sent_to_sign_in(server: Server, method: str, rule: str) -> None:
    path = rule.replace("<username>", "harry").replace("<recipient>", "harry")
    path = re.sub(r"<int:\w+>", "1", path)
    assert "<" not in path, f"say what stands for the variable part of {rule}"
    fields = {"username": "harry", "about_me": "", "message": "x", "body": "x"}
    answer = await Person(server.port).request(
        method, path, fields=fields if method == "POST" else None
    )
    if answer.status != 401:
        assert answer.status in (302, 303), answer.text[:300]
        assert answer.location.removeprefix(server.url).startswith("/login")
