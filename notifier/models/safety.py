"""What one person has to do with another, and what is reported to the moderators."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import Base, Number


class Tie(Base):
    """What `person` has done about `other`: written to them, blocked them, muted them.

    A row is never shown to `other`.
    """

    __tablename__ = "tie"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    other_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    # The first time; deleting the message does not undo it.
    wrote_at: Mapped[float | None] = mapped_column(Double)
    # `other` had not written to `person` by then.
    to_stranger: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    blocked_at: Mapped[float | None] = mapped_column(Double)
    muted_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        Index(
            "ix_tie_blocked",
            "person_id",
            "other_id",
            sqlite_where=text("blocked_at IS NOT NULL"),
            postgresql_where=text("blocked_at IS NOT NULL"),
        ),
        Index(
            "ix_tie_strangers",
            "person_id",
            "wrote_at",
            sqlite_where=text("to_stranger"),
            postgresql_where=text("to_stranger"),
        ),
    )


class Report(Base):
    """One person's report of another. Open until `closed_at` is set."""

    __tablename__ = "report"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    # A reporter who leaves takes their words along; what they reported stays open.
    reporter_id: Mapped[int | None] = mapped_column(
        ForeignKey("user.id", ondelete="SET NULL"), index=True
    )
    # Who is gone can be warned of nothing: the report goes with them.
    accused_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[float] = mapped_column(Double)
    closed_at: Mapped[float | None] = mapped_column(Double)
    # "dismissed", "warned" or "suspended".
    outcome: Mapped[str | None] = mapped_column(String(16))
    moderator_id: Mapped[int | None] = mapped_column(
        ForeignKey("user.id", ondelete="SET NULL"), index=True
    )

    __table_args__ = (
        Index(
            "ix_report_open",
            "id",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


class ReportedText(Base):
    """A copy of what is reported: deleting the message or the post does not erase it."""

    __tablename__ = "reported_text"

    report_id: Mapped[int] = mapped_column(
        ForeignKey("report.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # 1, 2, 3 … in each report, oldest first.
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # "message", "post" or "about_me".
    kind: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)
    written_at: Mapped[float | None] = mapped_column(Double)
