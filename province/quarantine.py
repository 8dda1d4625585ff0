"""Keeps what was refused for the operator to look at: bounded, counted, never receipted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256

from province.intake import Refused

ROWS_MOST = 10_000
_HEAD_BYTES = 2048
_TEXT_CHARACTERS = 200
_DROPPED = "quarantine_dropped"


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often messages were refused for one reason."""

    reason: str
    messages: int
    times: int
    last_ms: int


def put_away(connection: sqlite3.Connection, refused: Refused, at_ms: int, rows_most: int = ROWS_MOST) -> Refused:
    """Keeps one refused message in the open transaction; the same one again is only counted.

    Beyond `rows_most` messages the oldest are dropped, and how many is counted.
    """
    digest, topic = sha256(refused.payload).digest(), refused.topic[:_TEXT_CHARACTERS]
    connection.execute(
        "INSERT INTO quarantine(sha256, topic, reason, detail, size, head, received_ms, last_ms, times) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) "
        "ON CONFLICT(sha256, topic, reason) DO UPDATE SET times = times + 1, last_ms = excluded.last_ms",
        (
            digest, topic, str(refused.reason), refused.detail[:_TEXT_CHARACTERS], len(refused.payload), refused.payload[:_HEAD_BYTES],
            at_ms, at_ms,
        ),
    )  # fmt: skip
    excess = connection.execute("SELECT count(*) - ? FROM quarantine", (rows_most,)).fetchone()[0]
    if excess > 0:
        connection.execute("DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine ORDER BY last_ms, id LIMIT ?)", (excess,))
        connection.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value", (_DROPPED, excess)
        )
    return refused


def counts(connection: sqlite3.Connection) -> list[ReasonCount]:
    """Refused messages by reason, the most frequent first."""
    query = "SELECT reason, count(*), sum(times), max(last_ms) FROM quarantine GROUP BY reason ORDER BY sum(times) DESC, reason"
    return [ReasonCount(*row) for row in connection.execute(query)]


def dropped(connection: sqlite3.Connection) -> int:
    """How many messages were dropped to make room."""
    row = connection.execute("SELECT value FROM counter WHERE name = ?", (_DROPPED,)).fetchone()
    return 0 if row is None else int(row[0])


def latest(connection: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
    """The messages refused last, newest last."""
    query = "SELECT sha256, topic, reason, detail, size, received_ms, last_ms, times FROM quarantine ORDER BY last_ms DESC, id DESC LIMIT ?"
    return connection.execute(query, (limit,)).fetchall()[::-1]
