"""No path shows a blocked person's words or presence: every route that answers a GET is walked.

A route that is not in `PATHS` fails, so whoever adds one says what it shows of other people.
"""

from __future__ import annotations

import contextlib

import pytest

from notifier.app import create_app
from notifier.settings import Settings
from tests.conftest import People
from tests.exchange import Answer
from tests.person import Person

# In every text of Harry's and in nothing else. Found by the other words, never asked for.
MARK = "zebra"
POST, ABOUT = f"posted {MARK}", f"about {MARK}"
MESSAGE, LATER = f"quince {MARK}", f"plum {MARK}"

# What of Harry may stand in the answer for somebody who has blocked him.
NOTHING, HIS_NAME = "nothing", "his name"
# By rule: the paths to ask, and what they may show. `{harry}` is his name, `{sequence}` the
# notification of his message. Where his name may stand, one has asked for him by it (every page
# holds its own address), or looks at the list of those whom one has blocked.
PATHS: dict[str, tuple[list[str], str]] = {
    # First, for it tells only what no other page has shown.
    "/notifications/lines": (["/notifications/lines", "/notifications/lines?after=0"], NOTHING),
    "/": (["/", "/?page=1"], NOTHING),
    "/index": (["/index"], NOTHING),
    "/change-password": (["/change-password"], NOTHING),
    "/conversations": (["/conversations", "/conversations?part=lines"], NOTHING),
    "/conversations/<username>": (
        [
            "/conversations/{harry}",
            "/conversations/{harry}?part=messages",
            "/conversations/{harry}?around=1",
            "/conversations/{harry}?after=1",
        ],
        HIS_NAME,
    ),
    "/delete-account": (["/delete-account"], NOTHING),
    "/diagnostics": (["/diagnostics"], NOTHING),
    "/edit-profile": (["/edit-profile"], NOTHING),
    "/messages": (["/messages"], NOTHING),
    "/messages/sent": (["/messages/sent"], NOTHING),
    "/moderation": (["/moderation"], NOTHING),
    "/notifications": (["/notifications", "/notifications?after=0"], NOTHING),
    "/notifications/<int:sequence>": (["/notifications/{sequence}"], NOTHING),
    "/notifications/all": (["/notifications/all"], NOTHING),
    "/notifications/panel": (["/notifications/panel"], NOTHING),
    "/notifications/unseen": (["/notifications/unseen"], NOTHING),
    "/people": (["/people?q={harry}", "/people?q=har"], NOTHING),
    "/people/in-sight": (["/people/in-sight?people={harry}"], NOTHING),
    "/presence": (["/presence?people={harry}"], NOTHING),
    "/search": (["/search?q=quince", "/search?q=quince&part=found", "/search?q=har"], NOTHING),
    "/send_message/<recipient>": (["/send_message/{harry}"], HIS_NAME),
    "/settings": (["/settings"], HIS_NAME),
    "/user/<username>": (["/user/{harry}"], HIS_NAME),
    "/user/<username>/popup": (["/user/{harry}/popup"], HIS_NAME),
    "/user/<username>/report": (["/user/{harry}/report"], HIS_NAME),
}
# Routes that show nobody at all, to anybody; `/stream` has a test of its own below, and what an
# export holds one in test_exports.py.
NOBODY = {
    "/diagnostics/clock",
    "/diagnostics/drip",
    "/healthz",
    "/login",
    "/manifest.webmanifest",
    "/metrics",
    "/readyz",
    "/register",
    "/service-worker.js",
    "/settings/export/<int:number>",
    "/static/<path:name>",
    "/static/v-<version>/<path:name>",
    "/stream",
    "/stream/probe",
}
# Where Harry is seen as long as nobody has blocked him: else this test would see nothing either.
SEEN_BEFORE = {
    "/",
    "/index",
    "/conversations",
    "/conversations/<username>",
    "/messages",
    "/messages/sent",
    "/notifications",
    "/notifications/<int:sequence>",
    "/notifications/all",
    "/notifications/lines",
    "/notifications/panel",
    "/people",
    "/people/in-sight",
    "/presence",
    "/search",
    "/user/<username>",
    "/user/<username>/popup",
    "/user/<username>/report",
}
SIGNS_OF_LIFE = ("Last seen", "Here now", "Away", 'data-state="here"', "data-presence=")


def get_rules() -> set[str]:
    settings = Settings.load(secret_key="only for the tests, and long enough", _env_file=None)
    rules = create_app(settings).url_map.iter_rules()
    return {rule.rule for rule in rules if "GET" in (rule.methods or set())}


def test_every_route_has_been_thought_of() -> None:
    assert get_rules() == set(PATHS) | NOBODY, "say what a new route shows of other people"
    assert not set(PATHS) & NOBODY
    assert set(PATHS) >= SEEN_BEFORE


async def answers(by: Person, harry: Person, sequence: int) -> dict[str, Answer]:
    """What each path answers, where it leads to included."""
    found = {}
    for paths, _ in PATHS.values():
        for path in paths:
            asked = path.format(harry=harry.username, sequence=sequence)
            found[path] = await by.get(asked)
            if found[path].status in (302, 303):
                found[f"{path} leads to"] = found[path]
                found[path] = await by.get(found[path].location)
    return found


def shows(answer: Answer, harry: Person) -> bool:
    return MARK in answer.text or harry.username in answer.text or harry.username in answer.location


@pytest.fixture
async def acquainted(people: People) -> tuple[Person, Person, int]:
    """Harry with words everywhere, Gitau who knows him, and the notification of his message."""
    harry, gitau = await people("harry", "gitau")
    profile = {"username": harry.username, "about_me": ABOUT}
    await harry.request("POST", "/edit-profile", fields=profile)
    await harry.request("POST", "/", fields={"body": POST})
    await harry.send(gitau, MESSAGE)
    await gitau.send(harry, "an answer of mine")
    rows = await gitau.notifications()
    (sequence,) = [row["sequence"] for row in rows if row["name"] == "message"]
    await harry.request("POST", "/presence", fields={"state": "here"})
    return harry, gitau, sequence


async def test_nothing_of_a_blocked_person_is_shown_anywhere(
    acquainted: tuple[Person, Person, int],
) -> None:
    harry, gitau, sequence = acquainted
    before = await answers(gitau, harry, sequence)
    for rule in SEEN_BEFORE:
        assert any(shows(before[path], harry) for path in PATHS[rule][0]), f"no teeth: {rule}"

    blocked = await gitau.request("POST", f"/user/{harry.username}/block", fields={})
    assert blocked.status == 303
    # What the page that follows says of the block is not what is looked at here.
    await gitau.get(blocked.location)
    await harry.send(gitau, LATER)
    await harry.request("POST", f"/typing/{gitau.username}", fields={})
    await harry.request("POST", "/presence", fields={"state": "here"})
    after = await answers(gitau, harry, sequence)
    for rule, (paths, may) in PATHS.items():
        for path in paths:
            said = after[path].text
            assert after[path].status < 500, path
            assert MARK not in said, f"{path} of {rule} shows words"
            if may == NOTHING:
                assert not shows(after[path], harry), f"{path} of {rule} names him"
            elif rule != "/settings":
                assert not [sign for sign in SIGNS_OF_LIFE if sign in said], path
            led = after.get(f"{path} leads to")
            assert led is None or harry.username not in led.location, path


async def test_no_stream_tells_of_a_blocked_person(
    acquainted: tuple[Person, Person, int], people: People
) -> None:
    harry, gitau, _ = acquainted
    (third,) = await people("third")
    async with gitau.stream() as stream:
        await stream.named("message")
        assert MARK in str(stream.events), "the precondition: it is told before"
    async with contextlib.AsyncExitStack() as stack:
        live = await stack.enter_async_context(gitau.stream(None))
        await live.named("unread_message_count")
        await gitau.request("POST", f"/user/{harry.username}/block", fields={})
        await harry.send(gitau, LATER)
        await harry.request("POST", f"/typing/{gitau.username}", fields={})
        await harry.request("POST", "/presence", fields={"state": "here"})
        await third.send(gitau, "and now this")
        await live.named("message")
        assert MARK not in str(live.events) and harry.username not in str(live.events)
        for cursor in (0, 1, None):
            late = await stack.enter_async_context(gitau.stream(cursor))
            await late.named("unread_message_count")
            assert MARK not in str(late.events) and harry.username not in str(late.events)


async def test_the_blocked_person_sees_the_other_as_ever(
    acquainted: tuple[Person, Person, int],
) -> None:
    """They are not told: no page of theirs changes by more than the times that pass."""
    harry, gitau, _ = acquainted
    await gitau.request("POST", "/", fields={"body": "a post of gitau's"})
    paths = [
        "/",
        "/conversations",
        f"/user/{gitau.username}",
        f"/user/{gitau.username}/popup",
        f"/presence?people={gitau.username}",
        f"/people?q={gitau.username}",
        f"/people/in-sight?people={gitau.username}",
    ]
    before = [(await harry.get(path)).text.count(gitau.username) for path in paths]
    await gitau.request("POST", f"/user/{harry.username}/block", fields={})
    after = [(await harry.get(path)).text.count(gitau.username) for path in paths]
    assert after == before and all(before)
    assert (await harry.request("POST", f"/typing/{gitau.username}", fields={})).status < 300
