"""The common page."""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import Base, Number


class Post(Base):
    """One entry of the common page."""

    __tablename__ = "post"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(Text)
    posted_at: Mapped[float] = mapped_column(Double)
