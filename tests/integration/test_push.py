"""Web Push against a push service of our own: what is sent, to whom, how often, and when not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select, update

from notifier import centre, choices, pushes, sign_ins, vapid
from notifier.choices import Choices
from notifier.drafts import draft
from notifier.engine import Engine
from notifier.models import PushSubscription
from notifier.pusher import Pusher
from notifier.signed_in import SignedIn
from notifier.subscriber import Subscriber
from tests.conftest import Serve
from tests.integration.conftest import StartEngine, add_people, both, signed_in
from tests.patience import until
from tests.person import Person
from tests.push_service import Browser, PushService

KEY = vapid.new_private_key()
SETTINGS = {"vapid_private_key": KEY, "vapid_subject": "mailto:a@example.org", "env": "development"}
# Nothing is waited for: the test looks when it wants to.
AT_ONCE = {**SETTINGS, "push_after_seconds": 0.000001}
LATER = {**SETTINGS, "push_after_seconds": 3600}


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    service = PushService()
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
async def engine(start_engine: StartEngine) -> Engine:
    """Its own timers stand still."""
    return await start_engine(**LATER)


@pytest.fixture
async def eager(start_engine: StartEngine) -> AsyncIterator[Pusher]:
    """A sender that waits for nobody, and looks only when it is told to."""
    other = await start_engine(**LATER)
    pusher = Pusher(other)
    pusher._after_seconds = 0
    yield pusher
    await pusher.stop()


async def subscribed(engine: Engine, person_id: int, browser: Browser) -> SignedIn:
    who = await signed_in(engine, person_id)
    async with engine.database.write() as connection:
        await pushes.subscribe(
            connection, person_id, who.sign_in_id, **browser.fields, language="en", anywhere=True
        )
    return who


async def send(engine: Engine, sender_id: int, sender: str, recipient: str, body: str) -> None:
    await engine.sending.send(draft(sender_id, sender, recipient, body))


async def subscriptions(engine: Engine) -> int:
    async with engine.database.read() as connection:
        found = await connection.scalar(select(func.count()).select_from(PushSubscription))
    return found or 0


@both
async def test_who_has_no_window_open_is_pushed_to_once(
    engine: Engine, eager: Pusher, service: PushService, start_engine: StartEngine
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    await subscribed(engine, gitau, service.browser("laptop"))
    await send(engine, harry, "harry", "gitau", "The kettle is on.")
    # Another process looks at the same moment.
    other = Pusher(await start_engine(**LATER))
    other._after_seconds = 0
    try:
        async with asyncio.timeout(20):
            await asyncio.gather(eager.look(), other.look())
            await eager.look()
    finally:
        await other.stop()
    assert sorted(name for name, _, _ in service.taken) == ["laptop", "phone"]
    told = service.told[0]
    assert told["title"] == "Message from harry"
    assert told["body"] == "The kettle is on."
    assert told["count"] == 1
    assert told["link"].startswith("/notifications/")
    # The service in between can read none of it.
    assert all(b"kettle" not in body for _, _, body in service.taken)


async def test_several_are_told_as_one(engine: Engine, eager: Pusher, service: PushService) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    for number in range(3):
        await send(engine, harry, "harry", "gitau", f"number {number}")
    await eager.look()
    (told,) = service.told
    assert (told["title"], told["count"]) == ("3 new notifications", 3)
    assert told["link"] == "/notifications/all"


@both
async def test_what_was_told_live_read_or_silenced_is_not_pushed(
    engine: Engine, eager: Pusher, service: PushService
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))

    await send(engine, harry, "harry", "gitau", "live")
    await pushes.told_live(engine.database, [harry, gitau], {})
    assert await eager.look() == 0, "a window was open"

    await send(engine, harry, "harry", "gitau", "read")
    await centre.mark_read(engine.database, gitau, None)
    assert await eager.look() == 0, "it was read meanwhile"

    silent = Choices(ways={"message": frozenset({"toast"})})
    await choices.store(engine.database, gitau, silent)
    await send(engine, harry, "harry", "gitau", "silent")
    assert await eager.look() == 0, "messages are not to be pushed"

    now = time.gmtime()
    minute = now.tm_hour * 60 + now.tm_min
    quiet = Choices(quiet=((minute - 60) % 1440, (minute + 60) % 1440))
    await choices.store(engine.database, gitau, quiet)
    await send(engine, harry, "harry", "gitau", "in the night")
    assert await eager.look() == 0, "these are quiet hours"

    await choices.store(engine.database, gitau, Choices())
    await send(engine, harry, "harry", "gitau", "now")
    assert await eager.look() == 1
    assert [told["body"] for told in service.told] == ["now"]


@both
async def test_what_was_told_before_the_last_page_closed_is_not_pushed(
    engine: Engine, eager: Pusher, service: PushService
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    await send(engine, harry, "harry", "gitau", "while she looks")
    page = Subscriber(gitau, 1, 1, lambda: None)
    engine.hub.join(page)
    engine.hub.leave(page)
    await send(engine, harry, "harry", "gitau", "while she is away")
    await engine.tell_pushes()
    assert await eager.look() == 1
    assert [told["body"] for told in service.told] == ["while she is away"]


async def test_another_process_that_told_less_takes_nothing_back(
    engine: Engine, eager: Pusher, service: PushService
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    await send(engine, harry, "harry", "gitau", "one")
    await pushes.told_live(engine.database, [gitau], {})
    await send(engine, harry, "harry", "gitau", "two")
    await pushes.told_live(engine.database, [], {gitau: 1})
    assert await eager.look() == 1
    assert [told["body"] for told in service.told] == ["two"]


async def test_a_push_waits_until_an_open_window_would_have_told(
    engine: Engine, eager: Pusher, service: PushService
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    eager._after_seconds = 3600
    await send(engine, harry, "harry", "gitau", "hello")
    assert await eager.look() == 0
    eager._after_seconds = 0
    assert await eager.look() == 1, "it was only put off"


async def test_a_browser_that_is_gone_is_forgotten(
    engine: Engine, eager: Pusher, service: PushService
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    service.answers = [410]
    await send(engine, harry, "harry", "gitau", "hello")
    await eager.look()
    assert await subscriptions(engine) == 0


@pytest.mark.parametrize("status", [429, 503])
async def test_a_service_in_trouble_is_tried_again_later_and_not_for_ever(
    engine: Engine, eager: Pusher, service: PushService, status: int
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    service.answers = [status]
    await send(engine, harry, "harry", "gitau", "hello")
    await eager.look()
    assert await eager.look() == 0, "not at once"

    async def time_passes() -> None:
        async with engine.database.write() as connection:
            await connection.execute(update(PushSubscription).values(retry_at=0))

    await time_passes()
    assert await eager.look() == 1
    assert [told["body"] for told in service.told] == ["hello"], "later it came"

    service.answers = [status] * 100
    await send(engine, harry, "harry", "gitau", "never")
    attempts = 0
    while await eager.look():
        attempts += 1
        await time_passes()
        assert attempts < 20, "it must be given up some time"
    assert await subscriptions(engine) == 1, "the browser is not forgotten for that"


async def test_what_was_due_is_pushed_by_another_process_after_a_crash(
    engine: Engine, service: PushService, start_engine: StartEngine
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    await subscribed(engine, gitau, service.browser("phone"))
    await send(engine, harry, "harry", "gitau", "hello")
    await engine.stop()
    fresh = Pusher(await start_engine(**LATER))
    fresh._after_seconds = 0
    try:
        assert await fresh.look() == 1
    finally:
        await fresh.stop()


async def test_signing_out_ends_the_pushes_to_that_browser(
    engine: Engine, eager: Pusher, service: PushService
) -> None:
    harry, gitau = await add_people(engine.database, "harry", "gitau")
    who = await subscribed(engine, gitau, service.browser("phone"))
    await subscribed(engine, gitau, service.browser("laptop"))
    await sign_ins.sign_out(engine.database, who)
    await send(engine, harry, "harry", "gitau", "hello")
    await eager.look()
    assert [name for name, _, _ in service.taken] == ["laptop"]


async def test_nobody_has_more_than_some_browsers(engine: Engine, service: PushService) -> None:
    (gitau,) = await add_people(engine.database, "gitau")
    who = await signed_in(engine, gitau)
    async with engine.database.write() as connection:
        for number in range(pushes.SUBSCRIPTIONS_PER_PERSON + 3):
            await pushes.subscribe(
                connection,
                gitau,
                who.sign_in_id,
                **service.browser(f"b{number}").fields,
                language="en",
                anywhere=True,
            )
    assert await subscriptions(engine) == pushes.SUBSCRIPTIONS_PER_PERSON


async def test_the_app_pushes_by_itself(serve: Serve, service: PushService) -> None:
    server = await serve(
        NOTIFIER_VAPID_PRIVATE_KEY=KEY,
        NOTIFIER_VAPID_SUBJECT="mailto:a@example.org",
        NOTIFIER_ENV="development",
        NOTIFIER_PUSH_AFTER_SECONDS=0.5,
    )
    harry, gitau = Person(server.port, "harry"), Person(server.port, "gitau")
    for person in (harry, gitau):
        await person.register()
        await person.sign_in()
    fields = service.browser("phone").fields
    assert (await gitau.request("POST", "/push", fields=fields)).status == 201
    await harry.send(gitau, "hello")
    await until(lambda: bool(service.taken), "a push")
    assert service.told[0]["body"] == "hello"
    gone = await gitau.request("DELETE", "/push", fields={"endpoint": fields["endpoint"]})
    assert gone.status == 204
    assert vapid.public_key(KEY) in (await gitau.get("/settings")).text


async def test_an_address_that_is_no_push_service_is_refused(serve: Serve) -> None:
    server = await serve(
        NOTIFIER_VAPID_PRIVATE_KEY=KEY, NOTIFIER_VAPID_SUBJECT="mailto:a@example.org"
    )
    gitau = Person(server.port, "gitau")
    await gitau.register()
    await gitau.sign_in()
    fields = Browser("http://127.0.0.1:6379/").fields
    refused = await gitau.request("POST", "/push", fields=fields)
    assert refused.status == 422, refused.text
    for path in ("/service-worker.js", "/manifest.webmanifest"):
        answer = await Person(server.port).get(path)
        assert answer.status == 200
        assert "private" not in answer.header("cache-control")
