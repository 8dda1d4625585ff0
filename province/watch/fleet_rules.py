"""Says what is wrong with a scanner, from what it told, what the register has of it, and the time. Pure.

An alert begins when a trouble is found and ends by itself when it is not found any more; `fleet_store` keeps them, operators acknowledge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Status, Telemetry
from edge_agent.wire.topics import DeviceName
from province.registry.texts import CHECKIN


class Trouble(StrEnum):
    """What may be wrong with a scanner; the first is the worst."""

    FORK = "fork"  # another device speaks with its key, or its card was set back
    GAP = "gap"  # entries that it signed for are nowhere
    OFFLINE = "offline"  # the broker misses it, or it is connected and says nothing
    FIRMWARE = "firmware"  # the agent speaks, the gate's own process does not
    SOURCE = "source"  # a camera or reader does not work, or brings no pictures
    BACKLOG = "backlog"  # entries wait too long, or there is little room for more
    DISK = "disk"
    POWER = "power"
    HEAT = "heat"
    CLOCK = "clock"
    CERTIFICATE = "certificate"
    PART = "part"  # a light, display, contact or receiver of positions does not work
    TESTED = "tested"  # reader tests keep lanes from recording
    SILENT = "silent"  # registered, and nobody scans


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is a trouble.

    Attributes:
        gone_s: so long a device may be away that left or was missed: an agent that restarts, a network that blinks.
        settle_s: so long it may after the broker itself was away; a device's longest wait between two tries is a minute.
        unheard_periods: an online device that has not told its health for so many of its periods counts as offline.
        waits_s: how long the oldest entry may wait.
        full_percent: of the outbox.
        clock_off_s: between the device's clock and ours, where it says that its clock is right.
        tested_s: of the last hour, how long a lane may be under test: firmware allows two minutes at once and a tenth of the time.
        silent_s: how long nobody may scan at an open gate.
    """

    gone_s: float = 4
    settle_s: float = 75
    unheard_periods: float = 4
    waits_s: int = 900
    full_percent: float = 80
    free_percent: float = 5
    life_used_percent: int = 90
    warm_c: float = 80
    clock_off_s: int = 120
    certificate_days: int = 14
    tested_s: int = 240
    silent_s: int = 86_400


USUAL = Limits()


@dataclass(frozen=True, slots=True)
class Listening:
    """Since when we hear what devices say, milliseconds since 1970 UTC.

    Attributes:
        since_ms: without a break.
        lost_ms: when the break before it began; what was said in it nobody heard.
    """

    since_ms: int = 0
    lost_ms: int = 0


ALWAYS = Listening()


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a scanner.

    Attributes:
        site: the place it stands at.
        gate: the door of that place.
        added_ms: when it was registered, milliseconds since 1970 UTC, as all times here.
        status: its last birth or will, and when that came; None before the first.
        telemetry: its last telemetry, and when that came.
        scanned_ms: when somebody was last answered there.
        head: of its log, as its last telemetry signed it; None when nothing signed has come.
        furthest: of the same log, the furthest it ever signed.
    """

    name: DeviceName
    site: str
    gate: str
    added_ms: int
    status: Status | None = None
    status_ms: int = 0
    telemetry: Telemetry | None = None
    told_ms: int = 0
    scanned_ms: int = 0
    head: LogHead | None = None
    furthest: LogHead | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the register has of a scanner.

    Attributes:
        at_ms: when it was looked up.
        forks: open fork alerts.
        holes: numbers missing in its logs.
        reached: by log, the highest number that has come, and the hash of that entry.
        gap: what `missing` said when it was last able to.
    """

    at_ms: int = 0
    forks: int = 0
    holes: int = 0
    reached: Mapping[bytes, tuple[int, bytes]] = field(default_factory=dict)
    gap: str = ""


def missing(seen: Seen, facts: Facts) -> str | None:
    """What is missing of a scanner's logs, in a few words; none: nothing is.

    Returns:
        None while nobody can say: it has entries waiting, which come in any order, or has spoken since the register was looked up.
    """
    waiting = None if seen.telemetry is None or seen.telemetry.outbox is None else seen.telemetry.outbox.waiting
    if waiting != 0 or facts.at_ms < seen.told_ms:
        return None
    if facts.holes:
        return f"{facts.holes} entries are missing between others"
    last, _hash = (0, b"") if seen.head is None else facts.reached.get(seen.head.log, (0, b""))
    if seen.head is not None and seen.head.seq > last:
        return f"it signed for {seen.head.seq} entries, has none waiting, and {last} have come"
    return ""


def troubles(seen: Seen, facts: Facts, now_ms: int, limits: Limits = USUAL, listening: Listening = ALWAYS) -> dict[Trouble, str]:
    """What is wrong, each with a few words for people.

    Args:
        seen: what the device told.
        facts: what the register has.
        now_ms: milliseconds since 1970 UTC.
        limits: from where on.
        listening: since when we have.

    Example:
        >>> troubles(Seen(DeviceName("bus-co", "bus-1"), "Bến xe", "Cửa trước", added_ms=0), Facts(), now_ms=60_000)
        {<Trouble.OFFLINE: 'offline'>: 'has never been heard'}
    """
    found: dict[Trouble, str] = {}
    for trouble, words in (*_presence(seen, now_ms, limits, listening), *_log(seen, facts)):
        found.setdefault(trouble, words)
    if seen.telemetry is not None and Trouble.OFFLINE not in found:  # of one that is away nobody knows how it is now
        for trouble, words in (*_work(seen, seen.telemetry, now_ms, limits), *_board(seen.told_ms, seen.telemetry, limits)):
            found.setdefault(trouble, words)
    return {trouble: found[trouble] for trouble in Trouble if trouble in found}


def is_away(seen: Seen) -> bool:
    """Whether it left or was missed, and has told nothing since: else its birth was lost."""
    return seen.status is not None and seen.status.state == "offline" and seen.told_ms <= seen.status_ms


def counts_from_ms(seen: Seen, limits: Limits, listening: Listening) -> float:
    """From when on it counts that a device is away. A broker that ends says of all that they are lost, and they come back one by one."""
    alone_ms = seen.status_ms + limits.gone_s * 1000
    was_back = seen.told_ms >= listening.since_ms
    return alone_ms if was_back or alone_ms < listening.lost_ms else max(alone_ms, listening.since_ms + limits.settle_s * 1000)


def _presence(seen: Seen, now_ms: int, limits: Limits, listening: Listening) -> Iterator[tuple[Trouble, str]]:
    if seen.status is None and seen.telemetry is None:
        yield Trouble.OFFLINE, "has never been heard"
        return
    if seen.status is not None and is_away(seen):
        if now_ms >= counts_from_ms(seen, limits, listening):
            yield Trouble.OFFLINE, "was stopped" if seen.status.reason == "stopped" else "its connection was lost"
        return
    period_s = 30 if seen.telemetry is None else seen.telemetry.period_s
    heard_ms, patience_ms = max(seen.told_ms, seen.status_ms), 1000 * max(60, period_s * limits.unheard_periods)
    if heard_ms + patience_ms >= listening.lost_ms:  # else it was silent before we were
        heard_ms = max(heard_ms, listening.since_ms)
    if now_ms - heard_ms > patience_ms:
        yield Trouble.OFFLINE, f"connected, and silent for {(now_ms - heard_ms) / 60_000:.0f} min"


def _log(seen: Seen, facts: Facts) -> Iterator[tuple[Trouble, str]]:
    if facts.forks:
        yield Trouble.FORK, f"{facts.forks} numbers came with two entries: a copied card, or a stolen key"
    if facts.gap:
        yield Trouble.GAP, facts.gap
    head, furthest = seen.head, seen.furthest
    if head is None:
        return
    if furthest is not None and furthest.log == head.log and head.seq < furthest.seq:
        yield Trouble.FORK, f"its log went back from number {furthest.seq} to {head.seq}: a copied or restored card"
    last, last_hash = facts.reached.get(head.log, (0, b""))
    if last == head.seq and last_hash != head.hash:
        yield Trouble.FORK, f"its entry {head.seq} is another than the one that came"


def _work(seen: Seen, told: Telemetry, now_ms: int, limits: Limits) -> Iterator[tuple[Trouble, str]]:
    if told.gate == "down" and seen.name.org != CHECKIN:  # a check-in page has no gate-firmware
        yield Trouble.FIRMWARE, "gate-firmware does not answer: nobody can scan"
    yield from _lanes(told, limits)
    if told.faults:
        yield Trouble.PART, f"{told.faults} of its lights, contacts and other parts do not work"
    if told.outbox is not None:
        if told.outbox.full_percent >= limits.full_percent:
            yield Trouble.BACKLOG, f"the room for entries is {told.outbox.full_percent:.0f} % full"
        elif told.outbox.oldest_age_s > limits.waits_s:
            yield Trouble.BACKLOG, f"{told.outbox.waiting} entries wait, the oldest for {told.outbox.oldest_age_s // 60} min"
    quiet_s = (now_ms - max(seen.scanned_ms, seen.added_ms)) / 1000
    if told.gate == "open" and quiet_s > limits.silent_s:
        yield Trouble.SILENT, f"nobody has scanned for {quiet_s / 3600:.0f} h"


def _lanes(told: Telemetry, limits: Limits) -> Iterator[tuple[Trouble, str]]:
    for lane, source in told.sources.items():
        if source.state == "fault":
            yield Trouble.SOURCE, f"{lane}: does not work"
        elif source.state == "working" and source.frames_per_s == 0:
            yield Trouble.SOURCE, f"{lane}: brings no pictures"
    if told.reader_tested_s > limits.tested_s:
        yield (
            Trouble.TESTED,
            f"readers were tested for {told.reader_tested_s // 60} min of the last hour, which recorded nobody: a stolen PIN?",
        )


def _board(told_ms: int, told: Telemetry, limits: Limits) -> Iterator[tuple[Trouble, str]]:
    disk = told.disk
    if disk is not None:
        if disk.total_mb and disk.free_mb * 100 < disk.total_mb * limits.free_percent:
            yield Trouble.DISK, f"{disk.free_mb} MB are free"
        if disk.errors:
            yield Trouble.DISK, f"its file system has met {disk.errors} errors"
        if (disk.life_used_percent or 0) >= limits.life_used_percent or disk.spare_used == "urgent":
            yield Trouble.DISK, "it is nearly worn out"
    if told.power.now:
        hot = "temperature" in " ".join(told.power.now)
        yield Trouble.HEAT if hot else Trouble.POWER, ", ".join(told.power.now)
    if (warm := told.cpu.temperature_c) is not None and warm >= limits.warm_c:
        yield Trouble.HEAT, f"{warm:.0f} °C"
    if told.clock == "unknown":
        yield Trouble.CLOCK, "it does not know the time"
    elif (off_s := abs(told.at_ms - told_ms) / 1000) > limits.clock_off_s:
        yield Trouble.CLOCK, f"its clock is {off_s:.0f} s off"
    if (days := told.certificate_days) is not None and days <= limits.certificate_days:
        yield Trouble.CERTIFICATE, f"ends in {days} days" if days >= 0 else "has ended"
