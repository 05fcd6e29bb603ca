"""The web door's stream: a plain async generator of bytes, one per open `GET /stream`.

It joins the hub, then waits for the bus, then reads the backlog, then is live. It holds no
database connection while it waits, and every way out of it ends in `finally`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from notifier import sse
from notifier.engine import JITTER, Engine
from notifier.errors import Unavailable
from notifier.notifications import Backlog, ReadFrom
from notifier.signed_in import SignedIn
from notifier.states import BEHIND, CLOSED, Ending
from notifier.subscriber import Subscriber

# A bus that does not confirm in time is as good as one that is away: reconcile covers it.
CONFIRM_SECONDS = 2.0
# A catch up that finds the database busy tries again after about this.
CATCH_UP_RETRY_SECONDS = 1.0
# A database that cannot say who asks: come back when it may have recovered.
BUSY_RETRY_MS = 5_000
# uvloop counts whole milliseconds and may ring half of one early; a stream that was woken too early
# would find nothing to do, and nobody would ring again.
ROUNDED_SECONDS = 0.001


async def web_stream(
    engine: Engine, who: SignedIn, cursor: int | None, address: str = ""
) -> AsyncIterator[bytes]:
    """The bytes of one stream of `who` at `address`, from `cursor` (None: from the present state).

    Ends by itself with its age, at sign-out, at a reset and when the process drains.
    """
    if not (engine.hub.has_room(who.person_id) and engine.addresses.has_room(address)):
        engine.hub.counts["too_many"] += 1
        yield sse.TOO_MANY
        return
    bell = asyncio.Event()
    subscriber = Subscriber(who.person_id, who.sign_in_id, cursor, bell.set)
    subscriber.floor = who.last_sequence
    loop = asyncio.get_running_loop()
    started = loop.time()
    # The slot is taken here, inside the generator: one that never starts takes none.
    confirmed = engine.hub.join(subscriber)
    engine.addresses.take(address)
    try:
        yield sse.retry()
        if confirmed is not None and not confirmed.done():
            await asyncio.wait([confirmed], timeout=CONFIRM_SECONDS)
        ends_at = started + engine.settings.stream_age_seconds * random.uniform(
            1 - JITTER, 1 + JITTER
        )
        async for piece in _events(engine, subscriber, bell, ends_at):
            yield piece
    finally:
        engine.hub.leave(subscriber)
        engine.addresses.give_back(address)
        subscriber.close(Ending.LEFT)


async def _events(
    engine: Engine, subscriber: Subscriber, bell: asyncio.Event, ends_at: float
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    heartbeat = engine.settings.heartbeat_seconds
    # The first heartbeat comes at a random moment: streams that began together beat apart.
    beat_at = loop.time() + heartbeat * random.uniform(0.5, 1)
    # Rings when time alone asks for something; an event in between does not move it.
    timer = loop.call_at(min(beat_at, ends_at) + ROUNDED_SECONDS, bell.set)
    try:
        while True:
            now = loop.time()
            # Looked at first, so that a stream which always has something to say ends too.
            if now >= ends_at:
                subscriber.close(Ending.AGED)
            if subscriber.state is BEHIND:
                if missed := await _catch_up(engine, subscriber):
                    yield missed
                continue
            if subscriber.state is CLOSED:
                yield farewell(subscriber.ending)
                return
            bell.clear()
            if frames := subscriber.take():
                yield b"".join(frames)
                engine.hub.wrote(len(frames), frames[0])
            elif now >= beat_at:
                beat_at = now + heartbeat
                timer = loop.call_at(min(beat_at, ends_at) + ROUNDED_SECONDS, bell.set)
                yield sse.PING
            else:
                await bell.wait()
                continue
            if bell.is_set():
                # After a peer's reset hypercorn's send neither raises nor yields: without this
                # a stream that always has something to say would never let the loop go.
                await asyncio.sleep(0)
    finally:
        timer.cancel()


async def _catch_up(engine: Engine, subscriber: Subscriber) -> bytes:
    """One read of the backlog; the bytes of what was missed."""
    read_from = subscriber.begin_catch_up()
    try:
        backlog = await engine.catch_up.ask(
            ReadFrom(subscriber.recipient_id, read_from, subscriber.floor)
        )
    except Unavailable:
        await asyncio.sleep(CATCH_UP_RETRY_SECONDS * random.uniform(0.5, 1.5))
        return b""
    if subscriber.state is CLOSED:
        return b""
    engine.hub.wrote_backlog(subscriber, backlog.events)
    return caught_up(subscriber, read_from, backlog)


def caught_up(subscriber: Subscriber, read_from: int | None, backlog: Backlog) -> bytes:
    """Tell `subscriber` what was read from `read_from` on; the bytes for its stream."""
    if backlog.reset:
        # The page reloads; any other reader goes on with the present state, which comes next.
        subscriber.restart(backlog.cursor)
        return sse.RESET
    subscriber.caught_up(backlog.cursor, complete=backlog.complete)
    frames = b"".join([event.frame for event in backlog.events])
    last_sent = backlog.events[-1].sequence if backlog.events else read_from
    if read_from is None and last_sent != backlog.cursor:
        # The browser's cursor must not stay at the newest *state*: kept events that came after
        # it happened before this stream began.
        frames += sse.cursor(backlog.cursor)
    return frames


def farewell(ending: Ending | None) -> bytes:
    """The last bytes of a stream that ends for `ending`."""
    if ending is Ending.SIGNED_OUT:
        return sse.SIGNED_OUT
    if ending is Ending.DRAINED:
        return sse.retry()
    return b""
