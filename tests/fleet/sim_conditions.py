"""What may be the matter with a simulated scanner, and which alerts a desk must then have: written by hand, not by the rules it checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from edge_agent.wire.telemetry import Cpu, Disk, Memory, Network, Outbox, Position, Power, Presence, Source, Telemetry, Versions
from province.watch.fleet_rules import Trouble

WELL: Final = "well"
_WELL = Telemetry(
    v=1,
    at_ms=0,
    clock="synchronised",
    boot_id="0" * 32,
    uptime_s=86_400,
    versions=Versions("0.1.0", "Debian GNU/Linux 12 (bookworm)", "Raspberry Pi Zero 2 W Rev 1.0"),
    period_s=30,
    gate="open",
    started_by="power-on",
    cpu=Cpu(23.5, 51.0),
    power=Power([], ["too little voltage"]),
    memory=Memory(427, 211, 39),
    disk=Disk(28_000, 21_000, 212.5, 0, 10, "normal"),
    network=Network("mobile", -87),
    sources={"front": Source("working", 29.7, 9.1, 33.0), "back": Source("working", 29.9, 8.8, 31.5, 1)},
    presence=Presence(12, 240, 228),
    position=Position(22.486, 103.974),
    certificate_days=300,
    restarts={"agent_watchdog": 1},
    link={"sent": 240, "receipted_registered": 240, "silences": 0},
)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is the matter.

    Attributes:
        alerts: what the desk must have of it, no more and no less.
        told: fields of its telemetry that differ from a scanner's that is well; `outbox` and `log` else are what they are.
        clock_off_ms: how far its clock is from ours.
        deed: what it does, beside telling: see `sim_scanner`.
        slow: the desk can only tell after a minute.
    """

    alerts: frozenset[Trouble]
    told: Mapping[str, Any] = field(default_factory=dict)
    clock_off_ms: int = 0
    deed: str = ""
    slow: bool = False


def _is(*alerts: Trouble, clock_off_ms: int = 0, deed: str = "", slow: bool = False, **told: Any) -> Condition:
    return Condition(frozenset(alerts), told, clock_off_ms, deed, slow)


CONDITIONS: Final[Mapping[str, Condition]] = {
    WELL: _is(),
    "hot": _is(Trouble.HEAT, cpu=Cpu(70.0, 84.5)),
    "slowed by heat": _is(Trouble.HEAT, power=Power(["at the temperature limit"], ["at the temperature limit"])),
    "under-voltage": _is(Trouble.POWER, power=Power(["too little voltage"], ["too little voltage"])),
    "backlog": _is(Trouble.BACKLOG, outbox=Outbox(41, 30_000, 3_600, 2.5)),
    "outbox near full": _is(Trouble.BACKLOG, outbox=Outbox(90_000, 60_000_000, 600, 83.0)),
    "no clock": _is(Trouble.CLOCK, clock="unknown"),
    "clock off": _is(Trouble.CLOCK, clock_off_ms=-600_000),
    "certificate ends": _is(Trouble.CERTIFICATE, certificate_days=6),
    "disk full": _is(Trouble.DISK, disk=Disk(28_000, 300)),
    "disk errors": _is(Trouble.DISK, disk=Disk(28_000, 21_000, errors=3)),
    "lane at fault": _is(Trouble.SOURCE, sources={"front": Source("fault"), "back": Source("working", 30.0)}),
    "no pictures": _is(Trouble.SOURCE, sources={"front": Source("working", 0.0), "back": Source("working", 30.0)}),
    "light at fault": _is(Trouble.PART, faults=1),
    "firmware down": _is(Trouble.FIRMWARE, gate="down", sources={}),
    "hot, and behind": _is(Trouble.HEAT, Trouble.BACKLOG, cpu=Cpu(90.0, 86.0), outbox=Outbox(9, 6_000, 2_000, 1.0)),
    "closed": _is(gate="closed"),
    "copied card": _is(Trouble.FORK, deed="fork"),
    "card put back": _is(Trouble.FORK, deed="put back"),
    "tail cut off": _is(Trouble.GAP, deed="cut tail"),
    "entry destroyed": _is(Trouble.GAP, deed="destroy"),
    "silent": _is(Trouble.SILENT, deed="silent"),
    "stopped": _is(Trouble.OFFLINE, deed="stop"),
    "never heard": _is(Trouble.OFFLINE, deed="absent"),
    "connected and mute": _is(Trouble.OFFLINE, deed="mute", slow=True),
    "speaks nonsense": _is(deed="nonsense"),  # refused and counted; what it said before stays
    "speaks for another": _is(deed="forge"),
}
FROM_THE_START: Final = frozenset({"silent", "absent", "mute"})  # deeds that cannot begin later


def telemetry(condition: Condition, **own: Any) -> Telemetry:
    """What a scanner in this condition tells.

    Args:
        condition: its.
        own: fields that are the scanner's own: its time, log, outbox, answers.
    """
    return msgspec.structs.replace(_WELL, **{**own, **condition.told})
