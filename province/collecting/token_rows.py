"""The rows by which a person is found again: one for each token of a passage."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlalchemy.dialects.sqlite import Insert

from edge_agent.wire.entry import Passage
from province.collecting.fate import Opened
from province.keys.identifiers import tokens
from province.store.opened import Connection, Inserter
from province.store.schema import token


def token_rows(row_id: int, opened: Opened) -> list[dict[str, object]]:
    """What makes the person of a row findable."""
    if not isinstance(opened.body, Passage):
        return []
    found = tokens(opened.body.person, opened.keys.token_key)
    return [{"token": mark, "kind": str(kind), "entry_id": row_id, "epoch": opened.keys.epoch} for kind, mark in found]


def put_tokens(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Writes rows of `token_rows`, in the open transaction."""
    connection.many(_putting_tokens(connection.insert), rows)


@cache
def _putting_tokens(inserter: Inserter) -> Insert:
    return inserter(token).on_conflict_do_nothing()
