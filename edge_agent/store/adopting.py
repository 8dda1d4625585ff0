"""Takes salvaged entries over into the new outbox, under their own log and numbers, before it has any entry of its own.

Each is taken over once, however often salvage is cut short: the agent forgets some in between, and on a short disk what it forgets is
the room for the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import islice

from edge_agent.store.outbox import OutboxError, explaining, single_row, transaction
from edge_agent.store.recorder import Recorder
from edge_agent.wire.entry import LogHead
from edge_agent.wire.envelope import envelope_hash

_ADOPTS_A_TRANSACTION = 200


def adopt(recorder: Recorder, log: bytes, entries: Mapping[int, bytes]) -> None:
    """Takes over the entries of one log of another outbox.

    Goes by some hundreds at a time; when it is cut short, adopting the same again adds what is missing. The room that `append` keeps
    free is kept here too, for without it the agent could not forget; only while nothing at all waits some are taken over in any case.

    Args:
        recorder: the new outbox, without an entry of its own yet.
        log: their log.
        entries: envelopes by number within their log, at least one, in order; numbers may be missing. Each is looked up when its turn
            comes; one that cannot be got any more (KeyError) is left out.

    Raises:
        OutboxFull: no room until the agent has forgotten some of those taken over.
        OutboxDamaged, OutboxError: the disk or the file failed.
    """
    connection, path, last = recorder.connection, recorder.path, max(entries)
    with transaction(connection, path):
        first_ordinal, start, end = _reserve(recorder, log, min(entries), last)
    with explaining(path):
        here = (seq for seq in entries if start <= first_ordinal + seq - 1 < end and not _is_adopted(connection, first_ordinal + seq - 1))
        while some := list(islice(here, _ADOPTS_A_TRANSACTION)):
            if recorder.backlog().entries:
                recorder.refuse_when_the_disk_is_full()
            with transaction(connection, path):
                for seq in some:
                    if (envelope := entries.get(seq)) is not None:
                        _adopt_one(connection, first_ordinal + seq - 1, envelope)
            recorder.checkpoint_if_large()
    if (envelope := entries.get(last)) is not None:
        recorder.follow(LogHead(log, last, envelope_hash(envelope)))


def _reserve(recorder: Recorder, log: bytes, first: int, last: int) -> tuple[int, int, int]:
    """The ordinals of a log to adopt: of its entry number 1, of its first here, and after its last."""
    connection, path = recorder.connection, recorder.path
    own_log, ordinal, next_seq = single_row(connection, path, "SELECT log, next_ordinal, next_seq FROM head")
    if next_seq != 1:
        raise OutboxError(f"{path}: entries are adopted only before the first new one")
    row = connection.execute(
        "SELECT first_ordinal, start, (SELECT min(start) FROM log WHERE start > this.start) FROM log AS this WHERE log = ?", (log,)
    ).fetchone()
    if row is not None:
        return row[0], row[1], row[2]
    connection.execute("INSERT INTO log(log, first_ordinal, start) VALUES (?, ?, ?)", (log, ordinal - first + 1, ordinal))
    after = ordinal + last - first + 1
    connection.execute("UPDATE head SET next_ordinal = ?", (after,))
    connection.execute("UPDATE log SET first_ordinal = ?, start = ? WHERE log = ?", (after, after, own_log))
    return ordinal - first + 1, ordinal, after


def _is_adopted(connection: sqlite3.Connection, ordinal: int) -> bool:
    """Tells whether an entry was taken over before, receipted since or not."""
    row = connection.execute("SELECT last FROM adopted WHERE first <= ? ORDER BY first DESC LIMIT 1", (ordinal,)).fetchone()
    return row is not None and ordinal <= row[0]


def _adopt_one(connection: sqlite3.Connection, ordinal: int, envelope: bytes) -> None:
    connection.execute("INSERT INTO sealed VALUES (?, ?)", (ordinal, envelope))
    connection.execute("UPDATE head SET entries = entries + 1, bytes = bytes + ?", (len(envelope),))
    goes_on = "UPDATE adopted SET last = ?1 WHERE first = (SELECT max(first) FROM adopted WHERE first < ?1) AND last = ?1 - 1"
    if not connection.execute(goes_on, (ordinal,)).rowcount:
        connection.execute("INSERT INTO adopted VALUES (?1, ?1)", (ordinal,))


def adopted(recorder: Recorder) -> int:
    """How many entries were taken over, receipted since or not."""
    with explaining(recorder.path):
        return int(single_row(recorder.connection, recorder.path, "SELECT coalesce(sum(last - first + 1), 0) FROM adopted")[0])
