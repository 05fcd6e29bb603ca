"""The bus: carries events between processes. It is a doorbell, not a log.

A bus may drop, repeat and reorder; whoever hears nothing finds out by `reconcile`. What it must
do is never block a sender, never die of a message, and say `gap()` when it may have missed
something.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from notifier.audience import Audience


class Receiver(Protocol):
    """Who hears a bus: the hub."""

    def received(self, audience: Audience, message: bytes) -> None:
        """A message came in for an audience. Must not wait and must not raise."""

    def gap(self) -> None:
        """Messages may have been missed: everybody is behind."""


class Bus(Protocol):
    """Carries each recipient's messages to the processes that subscribed to that recipient."""

    async def start(self, receiver: Receiver) -> None:
        """Begin to deliver to `receiver`. Returns also when the bus cannot be reached yet."""

    async def stop(self) -> None:
        """Send what is queued, for a short time, and give everything back."""

    def publish(self, recipient_id: int, message: bytes) -> None:
        """Queue `message` for every process that subscribed; never waits, never raises."""

    def subscribe(self, audience: Audience) -> asyncio.Future[float] | None:
        """Hear the messages of an audience's recipient from now on, and bring it with each.

        The future is done when the subscription is confirmed, or when the bus cannot confirm
        it now (it says `gap()` once it can); its result is the loop's time then. None means that
        it holds already.
        """

    async def settle(self, seconds: float) -> None:
        """Ask now for whoever was subscribed to, and wait for the confirmation, at most so long."""

    def unsubscribe(self, recipient_id: int) -> None:
        """Hear a recipient no more."""

    @property
    def trouble(self) -> str:
        """What is wrong with the bus now, in a few words; "" when it works."""

    def counts(self) -> dict[str, int]:
        """What happened on the bus so far, by kind."""

    @property
    def canary_age_seconds(self) -> float:
        """How long ago this process last heard itself on the bus."""


class MemoryBus:
    """The bus of a single process: straight to the hub."""

    trouble = ""
    # It is called, not carried.
    canary_age_seconds = 0.0

    def __init__(self) -> None:
        self._receiver: Receiver | None = None
        self._audiences: dict[int, Audience] = {}
        self._published = 0

    async def start(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def stop(self) -> None:
        self._receiver = None

    def publish(self, recipient_id: int, message: bytes) -> None:
        self._published += 1
        audience = self._audiences.get(recipient_id)
        if self._receiver is not None and audience is not None:
            self._receiver.received(audience, message)

    def subscribe(self, audience: Audience) -> asyncio.Future[float] | None:
        self._audiences[audience.recipient_id] = audience
        return None

    async def settle(self, seconds: float) -> None:
        pass

    def unsubscribe(self, recipient_id: int) -> None:
        self._audiences.pop(recipient_id, None)

    def counts(self) -> dict[str, int]:
        return {"published": self._published}
