"""The table of tracing cases: who it is about, why and by whom is closed under the key of the day it was opened on, and goes with it."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from province.store.columns import Number, name
from province.store.schema import metadata

# state: waiting (for a second officer) | open | closed. body: nonce and AES-256-GCM of deterministic CBOR.
tracing_case = Table(
    "tracing_case", metadata,
    Column("id", Number, primary_key=True), name("epoch"), name("state"), Column("opened_ms", Number, nullable=False),
    Column("approved_ms", Number), Column("closed_ms", Number),
    Column("body", LargeBinary),
)  # fmt: skip
