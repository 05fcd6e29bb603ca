"""A recipient's open streams in this process, as one object.

The bus is given it with a subscription and brings it with every message, so that nobody has to
look up whose a message is: of all that an event needs, looking into one more dictionary of
thousands was among the dearest (docs/bench/profile.md).
"""

from __future__ import annotations

from notifier.subscriber import Subscriber


class Audience:
    """Whoever listens to a recipient here; nobody, for some seconds after the last has left."""

    __slots__ = ("recipient_id", "subscribers")

    def __init__(self, recipient_id: int) -> None:
        self.recipient_id = recipient_id
        # A tuple holds a person's one or two streams in a fraction of a set's memory.
        self.subscribers: tuple[Subscriber, ...] = ()
