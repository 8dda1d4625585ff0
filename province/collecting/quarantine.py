"""Keeps what was refused for the operator to look at: bounded for each device, counted, never receipted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import RowMapping, delete, func, select

from province.collecting.intake import Refused
from province.store.opened import Connection
from province.store.schema import counter
from province.store.schema import quarantine as table

ROWS_MOST = 10_000
ROWS_MOST_A_TOPIC = 500  # a topic is a device: the broker lets nobody else write there
_HEAD_BYTES = 2048
_TEXT_CHARACTERS = 200
_DROPPED = "quarantine_dropped"
_COUNT = select(func.count()).select_from(table)
_LARGEST = select(table.c.topic).group_by(table.c.topic).order_by(func.count().desc(), func.max(table.c.last_ms).desc()).limit(1)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often messages were refused for one reason."""

    reason: str
    messages: int
    times: int
    last_ms: int


def put_away(
    connection: Connection, refused: Refused, at_ms: int, rows_most: int = ROWS_MOST, topic_most: int = ROWS_MOST_A_TOPIC
) -> Refused:
    """Keeps one refused message in the open transaction; the same one again is only counted.

    Beyond `topic_most` messages of its topic that topic's oldest are dropped; beyond `rows_most` in all, the oldest of the topic that
    has most, of equals the one heard last: who floods loses their own. How many were dropped is counted.
    """
    digest, topic = sha256(refused.payload).digest(), refused.topic[:_TEXT_CHARACTERS]
    row = {
        "sha256": digest, "topic": topic, "reason": str(refused.reason), "detail": refused.detail[:_TEXT_CHARACTERS],
        "size": len(refused.payload), "head": refused.payload[:_HEAD_BYTES], "received_ms": at_ms, "last_ms": at_ms, "times": 1,
    }  # fmt: skip
    putting = connection.insert(table)
    again = {"times": table.c.times + 1, "last_ms": putting.excluded.last_ms}
    putting = putting.on_conflict_do_update(index_elements=[table.c.sha256, table.c.topic, table.c.reason], set_=again)
    connection.execute(putting, row)
    _drop(connection, topic, connection.value(_COUNT.where(table.c.topic == topic)) - topic_most)
    while connection.value(_COUNT) > rows_most:
        _drop(connection, connection.value(_LARGEST), 1)
    return refused


def _drop(connection: Connection, topic: str, messages: int) -> None:
    """Drops the oldest of a topic."""
    if messages > 0:
        oldest = select(table.c.id).where(table.c.topic == topic).order_by(table.c.last_ms, table.c.id).limit(messages)
        connection.execute(delete(table).where(table.c.id.in_(oldest)))
        counting = connection.insert(counter)
        more = {"value": counter.c.value + counting.excluded.value}
        counting = counting.on_conflict_do_update(index_elements=[counter.c.name], set_=more)
        connection.execute(counting, {"name": _DROPPED, "value": messages})


def counts(connection: Connection) -> list[ReasonCount]:
    """Refused messages by reason, the most frequent first."""
    times = func.sum(table.c.times)
    query = select(table.c.reason, func.count(), times, func.max(table.c.last_ms)).group_by(table.c.reason)
    rows = connection.execute(query.order_by(times.desc(), table.c.reason))
    return [ReasonCount(reason, messages, int(all_times), last_ms) for reason, messages, all_times, last_ms in rows]


def dropped(connection: Connection) -> int:
    """How many messages were dropped to make room."""
    return connection.value(select(counter.c.value).where(counter.c.name == _DROPPED)) or 0


def latest(connection: Connection, limit: int) -> Sequence[RowMapping]:
    """The messages refused last, newest last."""
    shown = (table.c[name] for name in ("sha256", "topic", "reason", "detail", "size", "received_ms", "last_ms", "times"))
    return connection.rows(select(*shown).order_by(table.c.last_ms.desc(), table.c.id.desc()).limit(limit))[::-1]
