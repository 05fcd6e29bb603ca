"""The notification centre: what a person chose, how far they have seen, where they take pushes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import HASH_CHARACTERS, Base, Number


class Centre(Base):
    """One person's notification centre; without a row everything is as it is at first."""

    __tablename__ = "centre"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # The newest sequence that the open panel has shown; only ever grows.
    seen_up_to: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    # JSON: the ways to be told, by name.
    ways: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    # Quiet hours, in minutes since midnight in the time zone; both or none.
    quiet_from: Mapped[int | None] = mapped_column(Integer)
    quiet_until: Mapped[int | None] = mapped_column(Integer)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC")


class PushSubscription(Base):
    """A browser that takes pushes for a person, until that sign-in ends."""

    __tablename__ = "push_subscription"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    # The row goes with its sign-in, so whoever signed out is told nothing more.
    sign_in_id: Mapped[int] = mapped_column(
        ForeignKey("sign_in.id", ondelete="CASCADE"), index=True
    )
    # An address can be longer than what every database can index.
    endpoint: Mapped[str] = mapped_column(Text)
    endpoint_hash: Mapped[str] = mapped_column(String(HASH_CHARACTERS), unique=True)
    p256dh: Mapped[str] = mapped_column(String(128))
    auth: Mapped[str] = mapped_column(String(64))
    # What the browser spoke when it subscribed: nobody asks while a push is written.
    language: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Double)
    last_success_at: Mapped[float | None] = mapped_column(Double)
    # A cursor, as a stream's: what is at or below it needs no push any more.
    pushed_up_to: Mapped[int] = mapped_column(BigInteger)
    # Failures in a row, and when to try again after them.
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    retry_at: Mapped[float] = mapped_column(Double, default=0, server_default="0")

    # A row's number is never given to another: a sender knows what it claimed by it.
    __table_args__ = ({"sqlite_autoincrement": True},)
