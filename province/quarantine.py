"""Keeps what was refused for the operator to look at: bounded for each device, counted, never receipted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256

from province.intake import Refused

ROWS_MOST = 10_000
ROWS_MOST_A_TOPIC = 500  # a topic is a device: the broker lets nobody else write there
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


def put_away(
    connection: sqlite3.Connection, refused: Refused, at_ms: int, rows_most: int = ROWS_MOST, topic_most: int = ROWS_MOST_A_TOPIC
) -> Refused:
    """Keeps one refused message in the open transaction; the same one again is only counted.

    Beyond `topic_most` messages of its topic that topic's oldest are dropped; beyond `rows_most` in all, the oldest of the topic that
    has most, of equals the one heard last: who floods loses their own. How many were dropped is counted.
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
    _drop(connection, topic, connection.execute("SELECT count(*) - ? FROM quarantine WHERE topic = ?", (topic_most, topic)).fetchone()[0])
    while connection.execute("SELECT count(*) FROM quarantine").fetchone()[0] > rows_most:
        largest = "SELECT topic, count(*) AS messages FROM quarantine GROUP BY topic ORDER BY messages DESC, max(last_ms) DESC LIMIT 1"
        _drop(connection, connection.execute(largest).fetchone()[0], 1)
    return refused


def _drop(connection: sqlite3.Connection, topic: str, messages: int) -> None:
    """Drops the oldest of a topic."""
    if messages > 0:
        oldest = "SELECT id FROM quarantine WHERE topic = ? ORDER BY last_ms, id LIMIT ?"
        connection.execute(f"DELETE FROM quarantine WHERE id IN ({oldest})", (topic, messages))  # noqa: S608 - a constant of ours
        connection.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value", (_DROPPED, messages)
        )


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
