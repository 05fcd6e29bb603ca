"""One process's engine: database, bus and hub, and the timers that keep them honest.

Both doors, the web app and the gateway, hold one; so does a command that only publishes. The
doors decide how bytes reach a socket, the engine what they are.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from notifier import notifications, pruning, pushes, sign_ins, signed_in
from notifier.addresses import Addresses
from notifier.bus import Bus, MemoryBus
from notifier.bus_messages import to_bus
from notifier.database import Database
from notifier.errors import Unavailable
from notifier.events import Happened, Signal
from notifier.hub import LINGER_SECONDS, Hub
from notifier.notifications import Backlog, ReadFrom
from notifier.pulse import PULSE_SECONDS, Pulse
from notifier.redis_bus import RedisBus
from notifier.sending import Sending
from notifier.settings import Settings
from notifier.subscriber import Subscriber
from notifier.together import Together
from notifier.typing_signal import Typing
from notifier.whereabouts import Whereabouts

log = structlog.get_logger("notifier.engine")

# Streams that catch up together: one transaction, one query for the positions of all.
CATCH_UP_MOST = 250
CATCH_UP_WAITING_MOST = 100_000
# How long a stream that connects waits for others to share its queries with: nobody notices,
# and when everybody returns at once it makes dozens of look-ups one.
GATHER_SECONDS = 0.01
# The same for a request by a person, who waits for its answer.
PAGE_GATHER_SECONDS = 0.001
# How long look-ups of streams wait for the bus to confirm, which takes it a millisecond. Whoever is
# not confirmed by then reads what may have been missed meanwhile, at the price of a query.
SETTLE_SECONDS = 0.05
# Random shares of a period, so that streams and processes do not meet: a stream's age is spread
# by this much both ways, a timer comes up to twice as much early and never late.
JITTER = 0.2
# An event is on its way from its commit to a stream for some milliseconds.
RECONCILE_GRACE_SECONDS = 0.5
# Streams of one portion of a reconcile: about a millisecond of this process's time.
RECONCILE_PORTION = 200
SWEEP_SECONDS = 2.0
# Beats of the pulse between two heartbeats, or looks of reconcile, where that is so short that a
# second would be late; and what is too often for anybody.
PULSES_PER_PERIOD = 5
PULSE_LEAST_SECONDS = 0.05
PRUNE_SECONDS = 3600.0
# Looks of every process in the time after which a push is due.
PUSH_LOOKS = 3
# People of one transaction when old notifications go: a short lock on each.
PRUNE_PEOPLE = 100
# A reconcile that cannot read the table tries again after this, at most.
RECONCILE_RETRY_SECONDS = 2.0
DAY_SECONDS = 86_400


class Engine:
    """What one process needs to keep people informed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        period = min(settings.heartbeat_seconds, settings.reconcile_seconds)
        pulse_seconds = max(PULSE_LEAST_SECONDS, period / PULSES_PER_PERIOD)
        self.pulse = Pulse(min(PULSE_SECONDS, pulse_seconds))
        self.bus: Bus = (
            RedisBus(
                settings.redis_url, settings.channel_prefix, settings.redis_ca, pulse=self.pulse
            )
            if settings.redis_url
            else MemoryBus()
        )
        self.hub = Hub(self.bus, streams_per_person=settings.streams_per_person)
        # Of the web door. Load tests come from one address: the switch for them lifts this too.
        self.addresses = Addresses(settings.streams_per_address if settings.limits_on else 0)
        self.sign_ins = signed_in.SignIns(self.database, gather_seconds=PAGE_GATHER_SECONDS)
        # A stream of the gateway joins the hub before it is looked up, and is current at once if
        # the bus had confirmed it by then.
        self.stream_sign_ins = signed_in.SignIns(
            self.database,
            gather_seconds=GATHER_SECONDS,
            first=lambda: self.bus.settle(SETTLE_SECONDS),
        )
        self.sending = Sending(
            self.database,
            self.publish,
            kept_notifications=settings.kept_notifications,
            strangers_per_day=settings.strangers_per_day if settings.limits_on else 0,
        )
        self.whereabouts = Whereabouts(self.database, self.publish)
        self.typing = Typing(self.database, self.publish)
        self.catch_up: Together[ReadFrom, Backlog] = Together(
            self._backlogs,
            most=CATCH_UP_MOST,
            waiting_most=CATCH_UP_WAITING_MOST,
            full=Unavailable,
            gather_seconds=GATHER_SECONDS,
        )
        # Streams that reconcile found short: what the bus has lost and nothing else repaired.
        self.repairs = 0
        self.catch_ups = 0
        self.published = 0
        # Answers under way at `sse.PROBE_PATH`.
        self.probes = 0
        # Attempts to sign in that were refused, by cause.
        self.sign_ins_refused: Counter[str] = Counter()
        # When reconcile last came to its end (loop time).
        self.reconciled_at = 0.0
        self.draining = False
        # The period is a promise: pause and grace together stay within it.
        self._grace_seconds = min(RECONCILE_GRACE_SECONDS, settings.reconcile_seconds / 4)
        self._reconcile_pause = settings.reconcile_seconds - self._grace_seconds
        self._swept_at = 0.0
        self._stop_sweeping: Callable[[], None] = _nothing
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect to the bus (or go on without it) and start the timers."""
        await self.bus.start(self.hub)
        self.reconciled_at = asyncio.get_running_loop().time()
        self._stop_sweeping = self.pulse.each(self._sweep)
        self._tasks = [
            asyncio.create_task(self._every(self._reconcile_pause, self.reconcile)),
            asyncio.create_task(self._every(PRUNE_SECONDS, self.prune)),
        ]
        if self.settings.vapid_private_key:
            # Often enough that what is told live here is never pushed as well, and that the hub
            # still knows whoever has left.
            period = min(self.settings.push_after_seconds / PUSH_LOOKS, LINGER_SECONDS / 2)
            self._tasks.append(asyncio.create_task(self._every(period, self.tell_pushes)))

    async def stop(self) -> None:
        """Stop the timers, let the bus send what is queued, close the database."""
        self._stop_sweeping()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.hub.endings.sum_up()
        await self.bus.stop()
        await self.database.close()

    def publish(self, happened: Sequence[Happened]) -> None:
        """Ring for what is committed. Never waits and never raises: the log has it anyway."""
        self.published += len(happened)
        by_recipient: dict[int, list[Happened]] = {}
        for one in happened:
            by_recipient.setdefault(one.recipient_id, []).append(one)
        for recipient_id, theirs in by_recipient.items():
            try:
                for message in to_bus(theirs):
                    self.bus.publish(recipient_id, message)
            except Exception:
                # Whoever calls has committed: a fault of ours here must not make a sender
                # believe otherwise and send once more.
                log.exception("publish_failed", recipient_id=recipient_id)

    async def signal(self, recipient_id: int, name: str, payload: Any) -> None:
        """Show something to a person's open pages now; who has none open never hears of it.

        Nothing is stored. Raises `ValueError` for a bad name or a payload that is too large.
        """
        self.publish([Signal.make(recipient_id, name, payload, time.time())])

    async def reconcile(self) -> None:
        """Compare every stream's cursor with the table; ring for what was missed.

        The same query tells whose sign-in is over. This covers a crash between commit and publish,
        and a bus that is away.
        """
        short: list[tuple[Subscriber, int]] = []
        loop = asyncio.get_running_loop()
        asked = list(self.hub)
        # In portions, so that live events never wait for all of them.
        for start in range(0, len(asked), RECONCILE_PORTION):
            # Who is known by now: one that becomes known while the query is on its way is
            # missing from its answer, and is not signed out for that.
            portion = [
                subscriber
                for subscriber in asked[start : start + RECONCILE_PORTION]
                if subscriber.sign_in_id
            ]
            ids = {subscriber.sign_in_id for subscriber in portion}
            short += self.hub.compare(await signed_in.positions(self.database, ids), portion)
        self.reconciled_at = loop.time()
        if not short:
            return
        # What was committed a moment ago is on its way; only what does not come is repaired.
        await asyncio.sleep(self._grace_seconds)
        repaired = 0
        for subscriber, last_sequence in short:
            if subscriber.short_of(last_sequence):
                subscriber.fall_behind(last_sequence)
                repaired += 1
        if repaired:
            self.repairs += repaired
            log.info("reconcile_repaired", streams=repaired)

    async def prune(self) -> None:
        """Drop what is too old: notifications and sign-ins."""
        before = time.time() - self.settings.kept_days * DAY_SECONDS
        await sign_ins.remove_expired(self.database)
        while True:
            async with self.database.write() as connection:
                people = await pruning.by_age(connection, before, people_most=PRUNE_PEOPLE)
            if not people:
                return

    async def tell_pushes(self) -> None:
        """Nobody needs a push of what a stream in this process tells, or told before it left."""
        present = {one.recipient_id for one in self.hub}
        await pushes.told_live(self.database, present, self.hub.left)

    def _sweep(self, now: float) -> None:
        # Half a beat less: two beats of a second may be a hair less than two seconds apart.
        if now - self._swept_at < SWEEP_SECONDS - self.pulse.seconds / 2:
            return
        self._swept_at = now
        self.hub.drop_idle_subscriptions()
        self.hub.endings.sum_up()

    async def _backlogs(self, wanted: Sequence[ReadFrom]) -> list[Backlog]:
        self.catch_ups += len(wanted)
        async with self.database.read() as connection:
            return await notifications.backlogs(connection, wanted)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        pause = seconds
        while True:
            await self.pulse.wait(pause * random.uniform(1 - 2 * JITTER, 1))
            pause = seconds
            try:
                await work()
            except Unavailable as error:
                log.warning("timer_put_off", timer=work.__name__, reason=str(error))
                pause = min(seconds, RECONCILE_RETRY_SECONDS)
            except Exception:
                # A fault of ours in one round must not end the rounds that repair others.
                log.exception("timer_failed", timer=work.__name__)


def _nothing() -> None:
    pass
