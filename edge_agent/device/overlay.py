"""What may be set from afar on top of gate.toml, and what the device has in force of it now.

Only what changes how the gate behaves: never where its parts are (driver URLs), its files, its folders, its clock or who it is. A wrong
wiring or folder would need somebody at the gate to undo it. The agent alone writes `config.json`; firmware and tools read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from edge_agent.device.documents import Documents, DocumentsDamaged

FILE_NAME = "config.json"
DOCUMENT = "config"
Tables = Mapping[str, Any]
MAY: Mapping[str, frozenset[str]] = {
    "gate": frozenset({
        "repeat_s", "held_s", "opening_hours", "quiet_hours", "presence_reset", "button_s", "anti_passback", "passback_s", "keeper_button",
        "health_pass", "pass_s",
    }),
    "lane": frozenset({"name", "direction", "button_in", "button_out", "button_turn"}),
    "outbox": frozenset({"capacity_mb", "keep_free_mb", "note_percent"}),
    "agent": frozenset({"window", "receipt_timeout_s", "keepalive_s"}),
    "vehicle": frozenset({"trips", "linger_s", "position_max_age_s"}),
}  # fmt: skip


def problems(tables: Tables, lanes: list[str]) -> list[str]:
    """What of an overlay may not be set from afar, or is not there; all at once.

    Args:
        tables: of the overlay.
        lanes: the names of the lanes that gate.toml has.
    """
    return list(_problems(tables, lanes))


def _problems(tables: Tables, lanes: list[str]) -> Iterator[str]:
    for section, value in tables.items():
        if section not in MAY:
            yield f"{section}: may not be set from afar; may are {', '.join(MAY)}"
        elif section == "lane":
            yield from _lane_problems(value, lanes)
        elif not isinstance(value, dict):
            yield f"{section}: must be a section"
        else:
            yield from _key_problems(section, section, value)


def _key_problems(where: str, section: str, table: Tables) -> Iterator[str]:
    for key in table:
        if key not in MAY[section]:
            yield f"{where}.{key}: may not be set from afar; may are {', '.join(sorted(MAY[section]))}"


def _lane_problems(value: object, lanes: list[str]) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        yield "lane: must be sections, each headed [[lane]]"
        return
    named = [each.get("name") for each in value]
    for place, each in enumerate(value):
        if each.get("name") not in lanes:
            yield f"lane[{place}].name: {each.get('name')!r} is no lane of this gate; it has {', '.join(lanes)}"
        elif named.count(each["name"]) > 1:
            yield f"lane[{place}].name: {each['name']!r} is used twice"
        yield from _key_problems(f"lane[{place}]", "lane", each)


def merged(base: Tables, overlay: Tables) -> dict[str, Any]:
    """The tables of gate.toml with those of an overlay on top: key by key, lanes by their names."""
    result = dict(base)
    for section, value in overlay.items():
        if section == "lane":
            wanted = {each.get("name"): each for each in value}
            result["lane"] = [{**each, **wanted.get(each.get("name"), {})} for each in base.get("lane", ())]
        else:
            result[section] = {**base.get(section, {}), **value}
    return result


def lanes_of(base: Tables) -> list[str]:
    """The names of the lanes in the tables of gate.toml."""
    lanes = base.get("lane")
    named = (each.get("name") for each in lanes if isinstance(each, dict)) if isinstance(lanes, list) else ()
    return [name for name in named if isinstance(name, str)]


def mark(tables: Tables) -> str:
    """Tells overlays apart; empty for none.

    Example:
        >>> mark({}), len(mark({"gate": {"held_s": 2.0}}))
        ('', 16)
    """
    return sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16] if tables else ""


def in_force(state: Path) -> Tables:
    """What is set from afar now: what is on trial, or else what was found good. Nothing where it cannot be read.

    Args:
        state: the device's state folder.
    """
    try:
        if not (state / FILE_NAME).exists():
            return {}
        with closing(Documents(state, FILE_NAME)) as documents:
            stored = documents.get(DOCUMENT) or {}
        chosen = (stored.get("trial") or {}).get("tables", stored.get("applied", {}))
    except (OSError, DocumentsDamaged, AttributeError):
        return {}
    return chosen if isinstance(chosen, dict) else {}
