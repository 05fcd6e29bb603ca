"""Who is here."""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import Base


class Presence(Base):
    """What one signed-in browser last told of itself; it goes with its sign-in.

    Times that have passed mean nothing, so a browser or a process that dies needs no clearing up.
    """

    __tablename__ = "presence"

    sign_in_id: Mapped[int] = mapped_column(
        ForeignKey("sign_in.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    # When somebody last looked at one of its windows; 0 for never.
    here_at: Mapped[float] = mapped_column(Double)
    here_until: Mapped[float] = mapped_column(Double)
    open_until: Mapped[float] = mapped_column(Double)
