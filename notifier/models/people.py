"""People and their sign-ins."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, String, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column

from notifier.models.base import HASH_CHARACTERS, Base, Number


class User(Base):
    """A person. The row is also the lock under which their events are numbered."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    username: Mapped[str] = mapped_column(String(32))
    # What makes two names the same name: the case folded form.
    username_key: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    about_me: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[float] = mapped_column(Double)
    last_seen_at: Mapped[float] = mapped_column(Double)
    # The newest event's number and time; both only ever grow.
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    last_event_at: Mapped[float] = mapped_column(Double, default=0, server_default="0")
    # The newest kept event that was pruned: a cursor below it has missed something for good.
    pruned_sequence: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    # Made by `notifier seed`; nobody real stands behind it.
    is_demo: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    # What others may be told of this person; see discretion.py.
    shows_seen: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    shows_presence: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    # "everyone", "known" (people this person has written to) or "nobody".
    who_may_write: Mapped[str] = mapped_column(
        String(16), default="everyone", server_default="everyone"
    )
    is_moderator: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    # Since then this person cannot sign in.
    suspended_at: Mapped[float | None] = mapped_column(Double)


class SignIn(Base):
    """One signed-in browser. Deleting the row ends that sign-in and its streams everywhere."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    # The cookie carries the random `auth_id`; whoever reads the table cannot make a cookie.
    auth_hash: Mapped[str] = mapped_column(String(HASH_CHARACTERS), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    browser: Mapped[str] = mapped_column(String(200), default="", server_default="")
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")

    # A row's number is never given to another: a stream knows its sign-in by it.
    __table_args__ = ({"sqlite_autoincrement": True},)
