"""Looks at this device and puts together what telemetry tells of it. Counts and states only; nothing here ever sees a person.

Imports: msgspec (150 kB of code) and files of the kernel; nothing that would weigh on a board with 512 MB.
"""

from __future__ import annotations

import base64
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from drivers import board_health, raspberry_pi, system_clock
from edge_agent.base import machine
from edge_agent.device import known_time
from edge_agent.device.identity import Identity
from edge_agent.device.settings import Settings
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.health import endings
from edge_agent.health.day_mark import DayMark
from edge_agent.health.firmware_word import FirmwareWord, faults
from edge_agent.store.outbox import FILE_NAME, OutboxError
from edge_agent.store.outbox_view import OutboxView, look_into
from edge_agent.wire import log_head, telemetry
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import LogHead
from edge_agent.wire.envelope import peek
from edge_agent.wire.telemetry import Telemetry

_NAME_MOST = 40
_DAY_MS = 86_400_000
_MB = 1_000_000


def software() -> str:
    """The release that runs."""
    try:
        return version("gate-scanner")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whom a look asks.

    Attributes:
        word: what firmware says.
        trusted_ms: the wall time, milliseconds since 1970 UTC, None when it cannot be trusted.
        link: what the agent has counted.
        root: where `/proc` and `/sys` are.
    """

    word: FirmwareWord
    trusted_ms: Callable[[], int | None]
    link: Callable[[], Mapping[str, int]] = dict
    root: Path = Path("/")


class OwnHealth:
    """One device's health; one thread asks.

    Args:
        identity: who we are.
        settings: the configuration.
        around: whom to ask.
        clock: monotonic seconds.
    """

    def __init__(self, identity: Identity, settings: Settings, around: Surroundings, clock: Callable[[], float] = time.monotonic) -> None:
        self._identity, self._settings, self._around, self._clock = identity, settings, around, clock
        self._cpu = board_health.CpuMeter(around.root)
        self._day = DayMark(settings.device.state)
        self._frames: Mapping[str, tuple[int, float]] = {}
        self._signed: tuple[LogHead, str] | None = None
        self._boot = system_clock.boot_id()
        self._versions = telemetry.Versions(
            software(),
            _plain(f"{platform.system()} {platform.release()}"),
            _plain(raspberry_pi.model(around.root)),
            _plain(machine.architecture()),
            machine.python(),
        )

    def states(self) -> tuple[object, ...]:
        """What is worth telling at once when it changes; a few small files are read."""
        return *self._around.word.states(), self._power(), board_health.network(self._around.root).kind

    def look(self) -> Telemetry:
        """How the device is now; rates and loads are of the time since the look before.

        Raises:
            OSError: /proc is not mounted.
        """
        root, counters = self._around.root, self._around.word.counters()
        trusted_ms = self._around.trusted_ms()
        view = self._outbox()
        wifi = board_health.network(root)
        return Telemetry(
            v=telemetry.VERSION,
            at_ms=max(0, system_clock.wall_ms()),
            clock=_one_of(counters.get("clock"), ("synchronised", "rtc"), "unknown" if trusted_ms is None else "synchronised"),
            boot_id=self._boot.hex(),
            uptime_s=board_health.uptime_s(root) or 0,
            versions=self._versions,
            period_s=round(self._settings.agent.telemetry_s),
            gate=_one_of(counters.get("gate"), ("open", "closed", "out-of-hours", "not-enrolled"), "down"),
            started_by=board_health.started_by(root),
            cpu=telemetry.Cpu(self._cpu.busy_percent(), raspberry_pi.temperature_c(root)),
            power=self._power(),
            memory=_as(telemetry.Memory, board_health.memory(root), own_mb="agent_mb"),
            disk=_as(telemetry.Disk, board_health.disk(self._settings.device.state, root)),
            network=telemetry.Network(wifi.kind, wifi.signal_dbm),
            outbox=None if view is None else self._waiting(view, counters),
            log=None if view is None else self._log(view, trusted_ms),
            answers={str(kind): int(count) for kind, count in counters.get("answers", {}).items()},
            sources=self._sources(counters),
            faults=faults(counters),
            presence=None if "presence" not in counters else msgspec.convert(counters["presence"], telemetry.Presence),
            position=None if "near" not in counters else telemetry.Position(*counters["near"]),
            certificate_days=self._certificate_days(trusted_ms),
            reader_tested_s=min(3600, int(counters.get("reader_tested_s", 0))),
            restarts=dict(endings.read(self._settings.device.runtime)),
            link=dict(self._around.link()),
        )

    def _power(self) -> telemetry.Power:
        bits = raspberry_pi.throttled(self._around.root, command="")  # the agent may not open /dev/vcio
        now, before = raspberry_pi.throttled_words(bits or 0)
        if board_health.under_voltage(self._around.root) and "too little voltage" not in now:
            now = ("too little voltage", *now)
        return telemetry.Power(list(now), list(before))

    def _outbox(self) -> OutboxView | None:
        with suppress(FileNotFoundError, OutboxError):
            return look_into(self._settings.device.state / FILE_NAME)
        return None

    def _waiting(self, view: OutboxView, counters: Mapping[str, Any]) -> telemetry.Outbox:
        room = self._settings.outbox.capacity_mb * _MB
        full = min(1.0, max(0.0, float(counters.get("outbox_fullness", view.backlog.bytes / room))))
        return telemetry.Outbox(view.backlog.entries, view.backlog.bytes, self._age_s(view.oldest), round(full * 100, 1))

    def _age_s(self, oldest: bytes | None) -> int:
        try:
            header = None if oldest is None else peek(oldest).header
        except Malformed:
            return 0
        if header is None:
            return 0
        same_boot = header.boot == self._boot  # then no clock is needed
        now_ms, then_ms = (system_clock.boottime_ms(), header.boottime_ms) if same_boot else (system_clock.wall_ms(), header.wall_ms)
        return max(0, now_ms - then_ms) // 1000

    def _log(self, view: OutboxView, trusted_ms: int | None) -> telemetry.Log:
        head = view.backlog.head
        return telemetry.Log(head.log.hex(), head.seq, self._signature(head), self._day.entries_today(head, trusted_ms))

    def _signature(self, head: LogHead) -> str:
        if self._signed is None or self._signed[0] != head:
            try:
                signed = log_head.sign(self._identity.name, head, self._identity.signer)
            except TokenTrouble:  # firmware says so too; the head is told without a signature meanwhile
                return ""
            self._signed = head, base64.b64encode(signed).decode()
        return self._signed[1]

    def _sources(self, counters: Mapping[str, Any]) -> dict[str, telemetry.Source]:
        now_s, lanes = self._clock(), counters.get("lanes", {})
        told: dict[str, telemetry.Source] = {}
        frames: dict[str, tuple[int, float]] = {}
        for lane, state in list(counters.get("sources", {}).items())[:16]:
            counted = lanes.get(lane, {})
            rate = None
            if "frames" in counted:
                frames[lane] = int(counted["frames"]), now_s
                if (before := self._frames.get(lane)) is not None and now_s > before[1]:
                    rate = round(min(1000.0, max(0.0, (frames[lane][0] - before[0]) / (now_s - before[1]))), 1)
            told[_name(lane)] = telemetry.Source(
                _one_of(state, ("opening", "working", "fault", "ended"), "fault"),
                rate,
                counted.get("look_p50_ms"),
                counted.get("look_p95_ms"),
                int(counted.get("reopened", 0)),
            )
        self._frames = frames
        return told

    def _certificate_days(self, trusted_ms: int | None) -> int | None:
        certificate = known_time.read_certificate(self._identity.endpoint.certificate_file)
        if certificate is None or trusted_ms is None:
            return None
        return int((certificate.not_valid_after_utc.timestamp() * 1000 - trusted_ms) // _DAY_MS)


def _plain(text: str) -> str:
    return "".join(letter for letter in text if " " <= letter <= "~")[:80]


def _name(lane: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in lane)[:_NAME_MOST] or "?"


def _one_of(value: object, known: tuple[str, ...], otherwise: str) -> Any:
    return value if value in known else otherwise


def _as(kind: type[Any], found: object, **renamed: str) -> Any:
    """A telemetry part from what a driver found; a few of its names are others."""
    if found is None:
        return None
    return kind(**{renamed.get(name, name): getattr(found, name) for name in found.__dataclass_fields__})  # type: ignore[attr-defined]
