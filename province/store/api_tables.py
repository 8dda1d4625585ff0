"""The table of programs that may ask the province's API. Of a token it holds a hash.

Source: decision 0109. Made by `migrations/`, like those of schema.py.
"""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from province.store.columns import Number, name, number, octets
from province.store.schema import metadata

# hashed: SHA-256 of the token, 256 random bits. scopes: words, with a space between. org: whose things it sees; NULL: the province's.
api_client = Table(
    "api_client", metadata,
    name("name", key=True), octets("hashed"), name("scopes"), Column("org", Text), number("made_ms"), number("expires_ms"),
    Column("revoked_ms", Number),
    sqlite_with_rowid=False,
)  # fmt: skip
