"""A recipient's open streams in this process, as one object.

The bus is given it with a subscription and brings it with every message, so that nobody has to
look up whose a message is: of all that an event needs, looking into one more dictionary of
thousands was among the dearest (docs/bench/profile.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from notifier.subscriber import Subscriber


class Audience:
    """Whoever listens to a recipient here; nobody, for some seconds after the last has left.

    A chain, `first` and each one's `next`: a person has one or two streams, and there are thousands
    of people. One that leaves keeps its `next`, so whoever is on the way along the chain goes on.
    """

    __slots__ = ("first", "recipient_id")

    def __init__(self, recipient_id: int) -> None:
        self.recipient_id = recipient_id
        self.first: Subscriber | None = None

    def __iter__(self) -> Iterator[Subscriber]:
        subscriber = self.first
        while subscriber is not None:
            yield subscriber
            subscriber = subscriber.next

    def add(self, subscriber: Subscriber) -> None:
        """Take in a stream that is in no audience."""
        subscriber.next = self.first
        self.first = subscriber

    def remove(self, subscriber: Subscriber) -> bool:
        """Let a stream go. Returns whether it was here."""
        if self.first is subscriber:
            self.first = subscriber.next
            return True
        for one in self:
            if one.next is subscriber:
                one.next = subscriber.next
                return True
        return False
