"""An entry as the register's table has it: the clear columns and the closed body."""

from __future__ import annotations

from edge_agent.wire.entry import Passage, encode_body
from edge_agent.wire.receipt import Status
from province.collecting.intake import Taken
from province.keys import wrapping


def entry_row(one: Taken, at_ms: int, *, forked: bool) -> dict[str, object]:
    """The row, but for its id.

    Args:
        one: the entry.
        at_ms: when it came, milliseconds since 1970 UTC.
        forked: whether another stands under its number.
    """
    fate, header, opened = one.fate, one.header, one.fate.opened
    passage = opened.body if opened is not None and isinstance(opened.body, Passage) else None
    row: dict[str, object] = {
        "org": one.name.org, "device": one.name.device, "log": one.log, "seq": one.seq, "hash": one.hash, "prev": one.prev,
        "epoch": fate.epoch, "status": str(fate.status), "reason": None if fate.reason is None else str(fate.reason),
        "forked": int(forked), "registered_ms": at_ms, "body": one.envelope if fate.status is Status.HELD else None,
        "direction": None if passage is None else str(passage.direction), "trip": None if passage is None else passage.trip,
        "method": None if passage is None else str(passage.method),
        **dict.fromkeys(("kind", "site", "gate", "wall_ms", "boot", "boottime_ms", "clock", "key_id")),
    }  # fmt: skip
    if header is not None:
        row |= {
            "kind": str(header.kind), "site": header.site, "gate": header.gate, "wall_ms": header.wall_ms, "boot": header.boot,
            "boottime_ms": header.boottime_ms, "clock": str(header.clock), "key_id": header.key_id,
        }  # fmt: skip
    if opened is not None:
        about = wrapping.identity(one.name, one.log, one.seq, one.hash)
        row["body"] = wrapping.wrap(encode_body(opened.body), about, opened.keys.data_key)
    return row
