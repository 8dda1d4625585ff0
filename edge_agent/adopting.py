"""Takes salvaged entries over into the new outbox, under their own log and numbers, before it has any entry of its own."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.entry import LogHead
from edge_agent.envelope import envelope_hash
from edge_agent.outbox import OutboxError, single_row, transaction
from edge_agent.recorder import Recorder

_ADOPTS_A_TRANSACTION = 200


def adopt(recorder: Recorder, log: bytes, entries: Mapping[int, bytes]) -> None:
    """Takes over the entries of one log of another outbox.

    Goes by some hundreds at a time; when it is cut short, adopting the same again adds what is missing.

    Args:
        recorder: the new outbox, without an entry of its own yet.
        log: their log.
        entries: envelopes by number within their log, at least one; numbers may be missing. Each is looked up when its turn
            comes; one that cannot be got any more (KeyError) is left out.
    """
    connection, path, numbers = recorder.connection, recorder.path, sorted(entries)
    with transaction(connection, path):
        first_ordinal, start, end = _reserve(recorder, log, numbers[0], numbers[-1])
    for at in range(0, len(numbers), _ADOPTS_A_TRANSACTION):
        with transaction(connection, path):
            for seq in numbers[at : at + _ADOPTS_A_TRANSACTION]:
                if start <= first_ordinal + seq - 1 < end and (envelope := entries.get(seq)) is not None:
                    _adopt_one(recorder, first_ordinal + seq - 1, envelope)
        recorder.checkpoint_if_large()
    if (envelope := entries.get(numbers[-1])) is not None:
        recorder.follow(LogHead(log, numbers[-1], envelope_hash(envelope)))


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


def _adopt_one(recorder: Recorder, ordinal: int, envelope: bytes) -> None:
    if recorder.connection.execute("INSERT OR IGNORE INTO sealed VALUES (?, ?)", (ordinal, envelope)).rowcount:
        recorder.connection.execute("UPDATE head SET entries = entries + 1, bytes = bytes + ?", (len(envelope),))
