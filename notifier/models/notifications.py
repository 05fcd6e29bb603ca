"""The log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import Base


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
    )
