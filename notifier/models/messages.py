"""Private messages."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import HASH_CHARACTERS, Base, Number


class Message(Base):
    """One private message. Unread until `read_at` is set."""

    __tablename__ = "message"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[float] = mapped_column(Double)
    read_at: Mapped[float | None] = mapped_column(Double)
    # The number of the `message` event that told the recipient.
    sequence: Mapped[int] = mapped_column(BigInteger)
    # The number of the `message_sent` event that told the sender's own devices.
    sender_sequence: Mapped[int | None] = mapped_column(BigInteger)
    # What the sender called this send, hashed; a repeat finds the first one by it.
    idempotency_hash: Mapped[str | None] = mapped_column(String(HASH_CHARACTERS))
    # The recipient has blocked the sender: only the sender sees it, and is not told so.
    withheld: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    # The recipient has muted the sender: it is there, but counts for no badge.
    quiet: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    __table_args__ = (
        Index("ix_message_recipient_id_id", "recipient_id", "id"),
        Index("ix_message_sender_id_id", "sender_id", "id"),
        Index("ix_message_pair", "sender_id", "recipient_id", "id"),
        Index(
            "ix_message_unread",
            "recipient_id",
            "sender_id",
            sqlite_where=text("read_at IS NULL AND NOT withheld"),
            postgresql_where=text("read_at IS NULL AND NOT withheld"),
        ),
        Index("uq_message_idempotency", "sender_id", "idempotency_hash", unique=True),
        {"sqlite_autoincrement": True},
    )
