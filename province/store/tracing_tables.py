"""The table of tracing cases: who it is about, why and by whom is closed under the key of the day it was opened on, and goes with it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from province.store.schema import metadata

_Number = BigInteger().with_variant(Integer(), "sqlite")

# state: waiting (for a second officer) | open | closed. body: nonce and AES-256-GCM of deterministic CBOR.
tracing_case = Table(
    "tracing_case", metadata,
    Column("id", _Number, primary_key=True), Column("epoch", Text, nullable=False), Column("state", Text, nullable=False),
    Column("opened_ms", _Number, nullable=False), Column("approved_ms", _Number), Column("closed_ms", _Number),
    Column("body", LargeBinary),
)  # fmt: skip
