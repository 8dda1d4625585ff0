"""What listeners on this device learn of a passage: masked as the health ministry masks, and in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.device.control import PASSAGE
from edge_agent.wire.entry import Method
from firmware.judgement import Judgement
from firmware.person_codes import Person
from firmware.person_codes.masking import mask_name, mask_number
from firmware.recording import Kept


def passage_message(
    lane: str, person: Person, judgement: Judgement, kept: Kept, method: Method, presence: Mapping[str, int]
) -> dict[str, Any]:
    """A passage that is on disk.

    Args:
        lane: its name.
        person: who; their name without its last word and the head of their number are told.
        judgement: theirs.
        kept: the entry.
        method: how they came in.
        presence: the gate's counts, this passage among them.
    """
    return {
        "type": PASSAGE,
        "lane": lane,
        "direction": str(judgement.way.direction),
        "known": str(judgement.way.known),
        "method": str(method),
        "verdict": "accepted-ask" if judgement.keeper else "accepted",
        "remarks": [str(remark) for remark in judgement.remarks],
        "log": kept.recorded.log.hex(),
        "seq": kept.recorded.seq,
        "masked": {"name": mask_name(person.name), "number": mask_number(person.id_number)},
        "at_ms": kept.now.wall_ms,
        "clock": str(kept.now.clock),
        "presence": dict(presence),
    }
