"""What is to be sent, checked as far as it can be without the database, and what became of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from notifier import texts
from notifier.accounts import username_key
from notifier.errors import Refused
from notifier.languages import Sentence
from notifier.messages import MESSAGE_MAX_CHARACTERS

IDEMPOTENCY_KEY_MAX_CHARACTERS = 255
A_MESSAGE = Sentence("A message")
TO_ONESELF = Sentence("You cannot send a message to yourself.")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to be sent. `recipient` is a username, `key` what its sender calls it."""

    sender_id: int
    sender: str
    recipient: str
    body: str
    idempotency_hash: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored message: its id, the sequence of its event, and when it was sent."""

    id: int
    sequence: int
    sent_at: float


def draft(
    sender_id: int, sender: str, recipient: str, body: str, idempotency_key: str | None = None
) -> Draft:
    """A draft, checked as far as it can be without the database. Raises `Refused`."""
    body = texts.clean(body, most=MESSAGE_MAX_CHARACTERS, what=A_MESSAGE, field="message")
    if username_key(recipient) == username_key(sender):
        raise Refused(TO_ONESELF, field="message")
    if not idempotency_key:
        return Draft(sender_id, sender, recipient, body)
    if len(idempotency_key) > IDEMPOTENCY_KEY_MAX_CHARACTERS:
        raise Refused("The Idempotency-Key is too long.")
    key_hash = hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
    return Draft(sender_id, sender, recipient, body, key_hash, idempotency_key)
