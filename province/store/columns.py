"""The few kinds of column that the register's tables are made of."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

Number = BigInteger().with_variant(Integer(), "sqlite")  # milliseconds and counts: eight bytes everywhere


def name(column: str, *, key: bool = False) -> Column[str]:
    """A text that is there."""
    return Column(column, Text, primary_key=key, nullable=False)


def octets(column: str, *, key: bool = False) -> Column[bytes]:
    """Bytes that are there."""
    return Column(column, LargeBinary, primary_key=key, nullable=False)


def number(column: str, *, key: bool = False) -> Column[int]:
    """A number that is there."""
    return Column(column, Number, primary_key=key, nullable=False, autoincrement=False)
