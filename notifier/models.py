"""The tables. Only their shape: every query stands with the noun that it is about.

Times are seconds since the epoch (UTC) as floats: the contract's `timestamp` is one, they sort,
and no database's idea of a time zone comes into it. Rows are read as plain tuples with names
(`connection.execute(select(User.id, ...))`), never as live objects, so nothing loads by itself.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only for a column that is called INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")
# SHA-256 in hexadecimal digits.
HASH_CHARACTERS = 64


# A row with names, and a query for rows, whose columns are told where they are made.
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]


class Base(DeclarativeBase):
    """Constraint names are fixed, so that a migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


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


class Post(Base):
    """One entry of the common page."""

    __tablename__ = "post"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(Text)
    posted_at: Mapped[float] = mapped_column(Double)


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
    # What the sender called this send, hashed; a repeat finds the first one by it.
    idempotency_hash: Mapped[str | None] = mapped_column(String(HASH_CHARACTERS))

    __table_args__ = (
        Index("ix_message_recipient_id_id", "recipient_id", "id"),
        Index("ix_message_sender_id_id", "sender_id", "id"),
        Index(
            "ix_message_unread",
            "recipient_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index("uq_message_idempotency", "sender_id", "idempotency_hash", unique=True),
        {"sqlite_autoincrement": True},
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
