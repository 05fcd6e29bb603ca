"""The web door's stream, from its first byte to its end, on a real log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import delete

from notifier import hub as hub_module
from notifier import notifications, sign_ins, sse
from notifier import stream as stream_module
from notifier.app import create_app
from notifier.cookies import COOKIE
from notifier.drain import drain
from notifier.engine import Engine
from notifier.errors import Unavailable
from notifier.events import Ended, Event
from notifier.models import SignIn
from notifier.notifications import BACKLOG_ROWS, New
from notifier.settings import Settings
from notifier.signed_in import SignedIn, SignIns
from notifier.stream import web_stream
from notifier.subscriber import MAILBOX_EVENTS
from notifier.web import site as site_module
from tests.event_source import EventSource, Received
from tests.integration.conftest import StartEngine, add_people, signed_in, together
from tests.patience import until
from tests.processes import RedisServer

OWN_WORDS = {"ping", "reset", "signed_out", "too_many"}


async def test_a_stream_waits_once_for_a_database_that_is_away_and_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at the gateway: at any other status than 200 its browser would give up for good."""
    app = create_app(Settings.load(_env_file=None, secret_key="for this test only"))
    asked = []

    async def find(_: SignIns, auth_id: str) -> None:
        asked.append(auth_id)
        raise Unavailable()

    monkeypatch.setattr(SignIns, "find", find)
    cookie = app.extensions["QUART_AUTH"][0].dump_token("1.somebody", app)
    answer = await app.test_client().get("/stream", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert (answer.status_code, await answer.data) == (200, b"retry: 5000\n\n")
    assert answer.content_type == "text/event-stream; charset=utf-8"
    assert asked == ["1.somebody"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_stream_that_comes_to_the_very_end_of_a_process_is_told_to_come_back(
    start_engine: StartEngine,
) -> None:
    """The database is closed already, which is not its threads' fault, but one that is away."""
    app = create_app((await start_engine()).settings)
    there = app.extensions[site_module.EXTENSION]
    cookie = app.extensions["QUART_AUTH"][0].dump_token("1.somebody", app)
    there.engine.draining = True
    await there.engine.database.close()
    client = app.test_client()
    answer = await client.get("/stream", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert (answer.status_code, await answer.data) == (200, b"retry: 5000\n\n")
    assert (await client.get("/stream")).status_code == 401, "who is nobody is told so as ever"


class Window:
    """A browser at the other end of one stream."""

    def __init__(self, engine: Engine, who: SignedIn, cursor: int | None) -> None:
        self.source = EventSource()
        self.events: list[Received] = []
        self.data = b""
        self.reading = asyncio.Event()
        self.reading.set()
        self.task = asyncio.create_task(self._read(web_stream(engine, who, cursor)))

    async def _read(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            self.data += piece
            self.events += self.source.feed(piece)
            await self.reading.wait()

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    @property
    def sequences(self) -> list[int]:
        """Of every event since the page last had to reload."""
        found: list[int] = []
        for event in self.events:
            if event.name == "reset":
                found = []
            elif event.name not in OWN_WORDS:
                found.append(event.notification["sequence"])
        return found

    async def shows(self, *sequences: int) -> None:
        await until(lambda: len(self.sequences) >= len(sequences), f"{sequences[-1:]} arrives")
        assert self.sequences == list(sequences)

    async def says(self, name: str) -> None:
        await until(lambda: name in self.names, f"an event {name}")

    async def ends(self) -> None:
        async with asyncio.timeout(10):
            await asyncio.wait([self.task])
        assert self.task.exception() is None


class Browser:
    """One person's sign-in, and the windows it opens."""

    def __init__(self, engine: Engine, who: SignedIn, stack: AsyncExitStack) -> None:
        self.engine, self.who, self._stack = engine, who, stack

    def opens(self, cursor: int | None = None) -> Window:
        window = Window(self.engine, self.who, cursor)
        self._stack.push_async_callback(closed, window)
        return window

    async def is_live(self, cursor: int | None = None) -> Window:
        """A window that has caught up and waits."""
        window = self.opens(cursor)
        hub = self.engine.hub
        await until(lambda: window.data and hub.behind == 0 and hub.streams, "it is live")
        return window

    async def records(self, *news: New) -> list[Event]:
        """Stored, and nobody is told."""
        async with self.engine.database.write() as connection:
            events = await notifications.record(
                connection, self.who.person_id, news, kept_most=1_000
            )
        # As the next request would find this person.
        self.who = self.who._replace(last_sequence=events[-1].sequence)
        return events

    async def hears(self, *news: New) -> None:
        self.engine.publish(await self.records(*news))


async def closed(window: Window) -> None:
    window.task.cancel()
    await asyncio.gather(window.task, return_exceptions=True)


@asynccontextmanager
async def browser_of(engine: Engine, *names: str) -> AsyncIterator[list[Browser]]:
    ids = await add_people(engine.database, *names)
    async with AsyncExitStack() as stack:
        yield [Browser(engine, await signed_in(engine, person), stack) for person in ids]


@pytest.fixture
async def gitau(engine: Engine) -> AsyncIterator[Browser]:
    async with browser_of(engine, "gitau") as (browser,):
        yield browser


def note(text: str = "") -> New:
    return New("note", text, kept=True)


def progress(percent: int) -> New:
    return New("export_progress", percent)


def nobody_is_left(engine: Engine) -> bool:
    return (engine.hub.streams, engine.hub.recipients, list(engine.hub)) == (0, 0, [])


# -- beginning -------------------------------------------------------------------------------


async def test_without_a_cursor_it_begins_with_the_present_state(gitau: Browser) -> None:
    await gitau.records(progress(1), note(), progress(2), New("other_state", 7), note())
    window = gitau.opens()
    await window.shows(3, 4)
    await until(lambda: window.source.last_event_id == "5", "its cursor is past what was before")
    await gitau.hears(note())
    await window.shows(3, 4, 6)


async def test_what_is_sent_while_a_stream_without_a_cursor_begins_arrives(gitau: Browser) -> None:
    await gitau.records(note("before"), progress(1))
    asked_at = gitau.who
    await gitau.records(note("meanwhile"), progress(2))
    gitau.who = asked_at
    await gitau.opens().shows(3, 4)


async def test_with_a_cursor_it_begins_with_what_was_missed(gitau: Browser) -> None:
    await gitau.records(*(note(str(number)) for number in range(10)))
    window = gitau.opens(7)
    await window.shows(8, 9, 10)
    await gitau.hears(note())
    await window.shows(8, 9, 10, 11)
    assert window.source.retry_milliseconds is not None


async def test_a_long_absence_is_read_in_parts_and_arrives_whole(gitau: Browser) -> None:
    total = 2 * BACKLOG_ROWS + 30
    await gitau.records(*(note() for _ in range(total)))
    await gitau.opens(0).shows(*range(1, total + 1))


@pytest.mark.parametrize("cursor", [-1, 6, 10**18])
async def test_a_cursor_that_is_not_of_this_log_says_reset_and_goes_on(
    gitau: Browser, cursor: int
) -> None:
    await gitau.records(note(), progress(5))
    window = gitau.opens(cursor)
    await window.says("reset")
    await window.shows(2)
    await gitau.hears(note())
    await window.shows(2, 3)
    assert window.names.count("reset") == 1


async def test_the_first_bytes_do_not_wait_for_the_bus(
    gitau: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "CONFIRM_SECONDS", 0.2)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(gitau.engine.bus, "subscribe", lambda recipient_id: never)
    await gitau.records(note())
    window = gitau.opens(0)
    await until(lambda: window.data, "bytes")
    assert window.data.startswith(b"retry: ") and window.events == []
    await window.shows(1)


async def test_what_commits_while_it_connects_arrives(gitau: Browser) -> None:
    for turns in range(30):
        before = gitau.engine.hub.delivered
        async with gitau.engine.database.read() as connection:
            cursor = await notifications.last_sequence(connection, gitau.who.person_id)
        window = gitau.opens(cursor)
        for _ in range(turns):
            await asyncio.sleep(0)
        await gitau.hears(note(), progress(turns))
        await window.shows(cursor + 1, cursor + 2)
        assert gitau.engine.hub.delivered >= before + 2
        await closed(window)


# -- live --------------------------------------------------------------------------------------


async def test_every_window_of_a_person_hears_and_nobody_elses(engine: Engine) -> None:
    async with browser_of(engine, "gitau", "zoe") as (gitau, zoe):
        windows = [await gitau.is_live(), await gitau.is_live()]
        of_another = await zoe.is_live()
        await gitau.hears(note("secret"))
        for window in windows:
            await window.shows(1)
        await zoe.hears(note("hers"))
        await of_another.shows(1)
        assert b"secret" not in of_another.data


async def test_waiting_heartbeats_and_live_events_cost_no_query(start_engine: StartEngine) -> None:
    engine = await start_engine(heartbeat_seconds=0.05)
    async with browser_of(engine, "gitau") as (gitau,):
        window = await gitau.is_live()
        events = await gitau.records(note())
        before = engine.database.queries
        engine.publish(events)
        await window.shows(1)
        beats = window.names.count("ping")
        await until(lambda: window.names.count("ping") >= beats + 3, "heartbeats")
        assert engine.database.queries == before


async def test_streams_that_return_at_once_share_their_queries(engine: Engine) -> None:
    async with browser_of(engine, *(f"person{number}" for number in range(60))) as browsers:
        before = engine.database.queries
        for browser in browsers:
            browser.opens(0)
        await until(lambda: engine.hub.streams == 60 and not engine.hub.behind, "all are live")
        assert engine.database.queries - before <= 10


async def test_a_window_that_does_not_read_gets_everything_when_it_does(gitau: Browser) -> None:
    window = await gitau.is_live()
    window.reading.clear()
    total = 3 * MAILBOX_EVENTS
    for _ in range(total):
        await gitau.hears(note())
    assert gitau.engine.hub.counts["full"] == 1, "the precondition: more than a mailbox holds"
    window.reading.set()
    await window.shows(*range(1, total + 1))


async def test_a_gap_on_the_bus_is_caught_up(gitau: Browser) -> None:
    window = await gitau.is_live()
    await gitau.records(note(), note())
    gitau.engine.hub.gap()
    await window.shows(1, 2)


async def test_reconcile_finds_what_was_committed_and_never_published(gitau: Browser) -> None:
    window = await gitau.is_live()
    await gitau.records(note())
    await gitau.engine.reconcile()
    await window.shows(1)
    assert gitau.engine.repairs == 1
    await gitau.engine.reconcile()
    assert gitau.engine.repairs == 1, "it finds only what was missed"


async def test_a_database_that_is_away_is_waited_for(
    gitau: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "CATCH_UP_RETRY_SECONDS", 0.01)
    window = await gitau.is_live()
    read, refusals = gitau.engine.database.read, itertools.count()

    @asynccontextmanager
    async def away() -> AsyncIterator[object]:
        if next(refusals) < 3:
            raise Unavailable
        async with read() as connection:
            yield connection

    monkeypatch.setattr(gitau.engine.database, "read", away)
    await gitau.records(note())
    gitau.engine.hub.gap()
    await window.shows(1)
    assert next(refusals) > 3


# -- ending ------------------------------------------------------------------------------------


async def test_signing_out_ends_this_sign_ins_windows_and_no_others(engine: Engine) -> None:
    async with browser_of(engine, "gitau", "zoe") as (gitau, zoe):
        window = await gitau.is_live()
        elsewhere = Browser(engine, await signed_in(engine, gitau.who.person_id), gitau._stack)
        kept, of_another = await elsewhere.is_live(), await zoe.is_live()
        engine.publish(await sign_ins.sign_out(engine.database, gitau.who))
        await window.ends()
        assert window.names == ["signed_out"]
        await gitau.hears(note())
        await kept.shows(1)
        assert not of_another.task.done()


async def test_reconcile_ends_what_the_bus_did_not(gitau: Browser) -> None:
    window = await gitau.is_live()
    async with gitau.engine.database.write() as connection:
        await connection.execute(delete(SignIn).where(SignIn.id == gitau.who.sign_in_id))
    await gitau.engine.reconcile()
    await window.ends()
    assert window.names == ["signed_out"]


async def test_an_old_stream_ends_by_itself_and_says_nothing(start_engine: StartEngine) -> None:
    engine = await start_engine(stream_age_seconds=0.2)
    async with browser_of(engine, "gitau") as (gitau,):
        # Not waited for until it is live: on a busy machine it can be over before anybody looks.
        window = gitau.opens()
        await window.ends()
        assert window.names == [], "so the browser returns with its cursor"
        assert engine.hub.endings.counts == {"aged": 1}
        assert nobody_is_left(engine)


async def test_a_stream_that_is_always_busy_ends_with_its_age_too(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(stream_age_seconds=0.3)
    async with browser_of(engine, "gitau") as (gitau,):
        window = gitau.opens()
        sequence = itertools.count(1)
        while not window.task.done():
            engine.publish([Event(gitau.who.person_id, next(sequence), "note", 1, 1.0)])
            await asyncio.sleep(0)
        await window.ends()
        assert engine.hub.endings.counts == {"aged": 1}


async def test_draining_ends_all_spread_over_the_window_each_with_a_pause(
    gitau: Browser,
) -> None:
    windows = [gitau.opens() for _ in range(20)]
    await until(lambda: gitau.engine.hub.streams == 20 and not gitau.engine.hub.behind, "live")
    ended_at: list[float] = []
    loop = asyncio.get_running_loop()
    for window in windows:
        window.task.add_done_callback(lambda _: ended_at.append(loop.time()))
    await drain(gitau.engine, seconds=0.5)
    for window in windows:
        await window.ends()
        assert window.data.count(b"retry: ") == 2, "a pause of its own, so that all do not return"
        assert window.names == []
    assert ended_at[-1] - ended_at[0] > 0.25
    assert gitau.engine.draining and nobody_is_left(gitau.engine)


async def test_one_too_many_is_told_so_and_the_first_ones_stay(start_engine: StartEngine) -> None:
    engine = await start_engine(streams_per_person=2)
    async with browser_of(engine, "gitau", "zoe") as (gitau, zoe):
        kept = [await gitau.is_live(), await gitau.is_live()]
        refused = gitau.opens(0)
        await refused.ends()
        assert refused.data == sse.TOO_MANY
        await zoe.is_live()
        await gitau.hears(note())
        for window in kept:
            await window.shows(1)
        assert engine.hub.counts["too_many"] == 1
        await closed(kept[0])
        await (await gitau.is_live(0)).shows(1)


async def test_however_it_is_cut_off_nothing_is_left_behind(gitau: Browser) -> None:
    engine = gitau.engine
    await gitau.records(*(note() for _ in range(BACKLOG_ROWS + 1)))
    for turns in range(60):
        window = gitau.opens(0 if turns % 2 else None)
        for _ in range(turns):
            await asyncio.sleep(0)
        await closed(window)
        assert nobody_is_left(engine), f"cut off after {turns} turns"
    window = await gitau.is_live(0)
    await closed(window)
    assert nobody_is_left(engine)


async def test_one_that_is_never_begun_takes_no_slot(gitau: Browser) -> None:
    pieces = web_stream(gitau.engine, gitau.who, None)
    assert nobody_is_left(gitau.engine)
    await pieces.aclose()  # type: ignore[attr-defined]
    assert nobody_is_left(gitau.engine)


async def test_the_subscription_goes_some_time_after_the_last_window(
    gitau: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[int] = []
    monkeypatch.setattr(gitau.engine.bus, "unsubscribe", gone.append)
    monkeypatch.setattr(hub_module, "LINGER_SECONDS", 0)
    await closed(await gitau.is_live())
    gitau.engine._sweep(asyncio.get_running_loop().time())
    assert gone == [gitau.who.person_id]


async def test_the_hub_is_swept_at_every_other_beat_however_they_are_rounded(
    gitau: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, at = gitau.engine, 0.0
    swept: list[float] = []
    monkeypatch.setattr(engine.hub, "drop_idle_subscriptions", lambda: swept.append(at))
    began = asyncio.get_running_loop().time() + 100
    for beat in range(5):
        at = began + beat - beat * 1e-9
        engine._sweep(at)
    assert [round(one - began) for one in swept] == [0, 2, 4]


# -- across processes ----------------------------------------------------------------------------


async def test_through_redis_events_and_endings_reach_the_other_process(
    start_engine: StartEngine, redis: RedisServer
) -> None:
    here, there = [
        await start_engine(redis_url=redis.url, channel_prefix="streams") for _ in range(2)
    ]
    async with browser_of(here, "gitau") as (gitau,):
        across = Browser(there, gitau.who, gitau._stack)
        windows = [await gitau.is_live(), await across.is_live()]
        await together(*(gitau.hears(note()) for _ in range(20)))
        for window in windows:
            await window.shows(*range(1, 21))
        here.publish([Ended(gitau.who.person_id, (gitau.who.sign_in_id,))])
        for window in windows:
            await window.ends()
            assert window.names[-1] == "signed_out"
        assert here.repairs == there.repairs == 0
