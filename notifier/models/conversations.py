"""Who converses with whom, and what is left of a message that was deleted."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import HASH_CHARACTERS, Base


class Conversation(Base):
    """One person's side of a conversation: what the list of conversations is read from.

    There are two rows for each pair, written by the transaction that stores or deletes a message.
    What is unread is not here: the messages know it, and their index counts it.
    """

    __tablename__ = "conversation"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    other_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    last_message_id: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_conversation_last", "person_id", "last_message_id"),)


class DeletedMessage(Base):
    """That a send was stored and then deleted, so that a late repeat of it is not stored again.

    It keeps no words.
    """

    __tablename__ = "deleted_message"

    sender_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    idempotency_hash: Mapped[str] = mapped_column(String(HASH_CHARACTERS), primary_key=True)
