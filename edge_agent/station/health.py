"""How the scanner is, item by item, for the health page: what firmware counts, what waits in the outbox, whether the agent is connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent import identity
from edge_agent.control import NOT_ENROLLED
from edge_agent.settings import Settings
from edge_agent.station.words import Words
from edge_agent.status_command import agent_of, outbox_of

_FULL_PERCENT = 80


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the page; well or not is said in words too, never by colour alone."""

    label: str
    text: str
    well: bool


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
    for name, state in sorted(_table(counters, "sources").items()):
        yield Item(say("health.lane", name=name), say(f"source.{state}", "source.unknown"), state == "working")
    lights = list(_table(counters, "lights").values())
    if lights:
        broken = sum(state != "working" for state in lights)
        yield Item(say("health.lights"), f"{len(lights) - broken}/{len(lights)}", not broken)
    if counters.get("gate") != NOT_ENROLLED:
        clock = counters.get("clock")
        yield Item(say("health.clock"), say(f"clock.{clock}", "clock.unknown"), clock in ("synchronised", "rtc"))


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
    yield Item(say("health.outbox"), text, "waiting" in looked.outbox and percent < _FULL_PERCENT)


def _table(counters: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = counters.get(key)
    return table if isinstance(table, dict) else {}
