"""Copies that people ask for of everything about them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, ForeignKey, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import Base, Number


class Export(Base):
    """One such copy: asked for, then taken up by some process, then ready until it expires."""

    __tablename__ = "export"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), unique=True)
    requested_at: Mapped[float] = mapped_column(Double)
    # A process that works on it moves this on; one that has died does not, and another takes over.
    claimed_until: Mapped[float] = mapped_column(Double, default=0, server_default="0")
    # Which claim may go on writing: the newest.
    claim: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    ready_at: Mapped[float | None] = mapped_column(Double, index=True)
    size: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")

    # A number that was given once is never another person's: links carry it.
    __table_args__ = ({"sqlite_autoincrement": True},)


class ExportPart(Base):
    """A piece of the JSON, compressed: no process ever holds all of a large one."""

    __tablename__ = "export_part"

    export_id: Mapped[int] = mapped_column(
        ForeignKey("export.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
