"""What is on the bus, as tests make it and read it."""

from __future__ import annotations

from collections.abc import Iterable

from notifier.bus_messages import Carried, Heard
from notifier.events import Event
from tests.event_source import EventSource


def carried(event: Event) -> Carried:
    """`event` as the bus brings it."""
    return Carried(event.sequence, event.frame)


def events(recipient_id: int, heard: Iterable[Heard]) -> list[Event]:
    """The events of what a recipient's bus message tells of, read as a browser reads them."""
    return [_event(recipient_id, one) for one in heard if isinstance(one, Carried)]


def _event(recipient_id: int, one: Carried) -> Event:
    (got,) = EventSource().feed(one.frame)
    told = got.notification
    assert (got.last_event_id, got.name) == (str(told["sequence"]), told["name"])
    return Event(recipient_id, one.sequence, got.name, told["data"], told["timestamp"])
