"""How the scanner is, item by item, for the health page: what firmware counts, what waits in the outbox, whether the agent is connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.device import identity
from edge_agent.device.control import NOT_ENROLLED
from edge_agent.device.settings import Settings
from edge_agent.health.status_file import agent_of
from edge_agent.station.live import MOST_MS
from edge_agent.station.words import Words, clock_text
from edge_agent.store.outbox_view import outbox_of

_FULL_PERCENT = 80
_NOTE = 300


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the page; well or not is said in words too, never by colour alone."""

    label: str
    text: str
    well: bool
    note: str = ""  # what a driver says is the matter, in its own words


@dataclass(frozen=True, slots=True)
class Looked:
    """What is read of disk and runtime folder."""

    device: str
    outbox: Mapping[str, Any]
    agent: Mapping[str, Any] | None


def look(settings: Settings) -> Looked:
    """Reads it; some milliseconds of disk."""
    try:
        device = str(identity.enrolled_as(settings.device.state) or "")
    except (identity.BadIdentity, OSError):
        device = ""
    return Looked(device, outbox_of(settings.device.state), agent_of(settings.device.runtime))


def items(words: Words, looked: Looked, counters: Mapping[str, Any] | None) -> list[Item]:
    """The page's lines, in order."""
    return [*_of_firmware(words, counters), *_of_agent(words, looked, counters)]


def _of_firmware(words: Words, counters: Mapping[str, Any] | None) -> Iterator[Item]:
    say = words.say
    yield Item(say("health.firmware"), say("health.firmware.yes" if counters else "health.firmware.no"), counters is not None)
    if counters is None:
        return
    why, answered = _table(counters, "why"), _table(counters, "answered")
    for name, state in sorted(_table(counters, "sources").items()):
        text = say(f"source.{state}", "source.unknown")
        if (at := _at(answered.get(name))) is not None:
            text += f" · {say('health.last', at=at)}"
        yield Item(say("health.lane", name=name), text, state == "working", str(why.get(name, ""))[:_NOTE])
    lights = list(_table(counters, "lights").values())
    if lights:
        broken = sum(state != "working" for state in lights)
        yield Item(say("health.lights"), f"{len(lights) - broken}/{len(lights)}", not broken)
    if counters.get("gate") != NOT_ENROLLED:
        clock = counters.get("clock")
        yield Item(say("health.clock"), say(f"clock.{clock}", "clock.unknown"), clock in ("synchronised", "rtc"))
    if "software" in counters:
        hours = counters.get("up_s", 0) // 3600 if isinstance(counters.get("up_s"), int) else 0
        yield Item(say("health.software"), say("health.up", version=str(counters["software"])[:_NOTE], hours=hours), well=True)


def _of_agent(words: Words, looked: Looked, counters: Mapping[str, Any] | None) -> Iterator[Item]:
    say = words.say
    yield Item(say("health.device"), looked.device or say("health.nobodys"), bool(looked.device))
    if not looked.device:
        return
    connected = looked.agent is not None and bool(looked.agent.get("connected"))
    yield Item(say("health.province"), say("health.connected" if connected else "health.apart"), connected)
    fullness = counters.get("outbox_fullness") if counters else None
    percent = round(fullness * 100) if isinstance(fullness, int | float) else 0
    if "waiting" in looked.outbox:
        text = say("health.waiting", count=looked.outbox["waiting"], percent=percent)
    else:
        text = say("health.waiting.unknown")
    state = _table(counters or {}, "outbox").get("state", "working")
    if state != "working":
        text += f" · {say(f'outbox.{state}', 'outbox.broken')}"
    yield Item(say("health.outbox"), text, "waiting" in looked.outbox and state == "working" and percent < _FULL_PERCENT)


def _at(answered: object) -> str | None:
    at_ms = answered.get("at_ms") if isinstance(answered, dict) else None
    return clock_text(at_ms / 1000) if isinstance(at_ms, int) and 0 < at_ms < MOST_MS else None


def _table(counters: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = counters.get(key)
    return table if isinstance(table, dict) else {}
