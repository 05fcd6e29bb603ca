"""What all tables share: how they are named and numbered, and the types of their rows."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Integer, MetaData, Row, Select
from sqlalchemy.orm import DeclarativeBase

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
