"""The log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import Base

# Names that are no line of the notification centre, and messages, of which it knows more.
OTHERS = (
    "name NOT IN ('message', 'quiet_message', 'message_sent', 'message_deleted', "
    "'conversation_read', 'unread_message_count', 'unseen_notification_count')"
)


class Notification(Base):
    """The log: the stored row of an event.

    `kept` rows stay until they are pruned; of the others only the newest of each name is there,
    and that is the recipient's present state.
    """

    __tablename__ = "notification"

    recipient_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64))
    # JSON, as written by us: read back byte for byte.
    payload: Mapped[str] = mapped_column(Text)
    timestamp: Mapped[float] = mapped_column(Double)
    kept: Mapped[bool] = mapped_column(Boolean)
    # When the person followed it, or said that they had read it.
    read_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        Index(
            "uq_notification_state",
            "recipient_id",
            "name",
            unique=True,
            sqlite_where=text("NOT kept"),
            postgresql_where=text("NOT kept"),
        ),
        Index("ix_notification_timestamp", "timestamp"),
        # What the bell counts besides messages, which have an index of their own.
        Index(
            "ix_notification_others",
            "recipient_id",
            "sequence",
            sqlite_where=text(OTHERS),
            postgresql_where=text(OTHERS),
        ),
    )
