"""A device of the model: firmware's and the agent's own code on a card of its own, their clocks and their network in the model's hands."""

from __future__ import annotations

import copy
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from edge_agent.carry.connecting import Recorded, Work
from edge_agent.carry.intake import Intake
from edge_agent.carry.uplink import Uplink
from edge_agent.device import identity
from edge_agent.device.settings import AgentSettings, DeviceSettings, GateSettings, OutboxSettings, Settings
from edge_agent.device.stored_keyring import WatchedKeyring
from edge_agent.enrolment import enrol
from edge_agent.enrolment.reset import reset
from edge_agent.link.broker_link import Arrived, Connected, Disconnected, Message
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import DAMAGE_NOTE, FILE_NAME
from edge_agent.wire.entry import Clock, Direction, Known, LogHead, Method
from edge_agent.wire.envelope import SealedEntry, peek
from firmware.gatehouse import open_recorder
from firmware.person_codes import Person
from firmware.recording import Recording
from firmware.time_sense import TimeSense
from province.base.clock import now_ms

DAY_MS = 86_400_000
CARRYING = AgentSettings(window=6, receipt_timeout_s=20.0)


@lru_cache(4096)
def read(envelope: bytes) -> SealedEntry:
    """An envelope's clear part."""
    return peek(envelope)


@dataclass
class Memory:
    """What the model knows of a card: its image takes this along.

    Attributes:
        head: its last entry.
        told: logs that a receipt has told it are forked.
    """

    head: LogHead | None = None
    told: set[bytes] = field(default_factory=set)


class Device:
    """One scanner.

    Args:
        folder: its own; holds `state`, as enrolment left it.
        bundle: what it was enrolled with.
        publish: takes what the agent sends.
    """

    def __init__(self, folder: Path, bundle: Path, publish: Callable[[Message], None]) -> None:
        self._folder, self._bundle, self._publish = folder, bundle, publish
        self.state = folder / "state"
        device = DeviceSettings(state=self.state, runtime=folder / "run")
        limits = OutboxSettings(capacity_mb=100, keep_free_mb=0)
        self._settings = Settings(folder / "gate.toml", device, GateSettings(), limits, AgentSettings(), ())
        self.name = identity.load(self.state).name
        self.memory, self._image = Memory(), Memory()
        self._wall_ms: int | None = None
        self._days_ago = 2
        self._boots = 0
        self.start()

    # ── power ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Firmware and the agent start, as their commands do."""
        who = identity.load(self.state)
        recorder, _salvaged = open_recorder(self._settings, device_key=who.signer.public_key())
        keyring = WatchedKeyring(self.state, who.root, who.name)
        self._boots += 1
        sense = TimeSense(
            always_trusted=False,
            not_before_ms=lambda: 0,
            clock=lambda: Clock.UNKNOWN if self._wall_ms is None else Clock.SYNCHRONISED,
            wall_ms=lambda: self._wall_ms or 1000,
            boottime_ms=lambda: 60_000,
        )
        self.recording = Recording(who, recorder, keyring, sense, self._boots.to_bytes(16, "big"))
        self.work: Intake[Work] = Intake()
        self.uplink = Uplink(who, CARRYING, self.state, self.work, self._publish, trusted_ms=lambda _not_before_ms: now_ms())

    def stop(self) -> None:
        """Both end."""
        self.recording.recorder.close()
        if self.uplink._outbox is not None:
            self.uplink._outbox.close()

    # ── the gate ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, person: Person, days_ago: int | None) -> SealedEntry:
        """One passage; green once this returns. `days_ago`: what the clock says, or a later day it has said; None when it knows nothing."""
        if days_ago is not None:
            self._days_ago = min(self._days_ago, days_ago)  # the network sets it, so it goes forward
        self._wall_ms = None if days_ago is None else now_ms() - int(timedelta(days=self._days_ago).total_seconds() * 1000)
        kept = self.recording.passage(person, Direction.IN, Known.LANE, Method.CAMERA)
        made = next(one for one in self.waiting().values() if one.hash == kept.recorded.hash)
        assert (made.header.log, made.header.seq) == (kept.recorded.log, kept.recorded.seq)
        return made

    def waiting(self) -> dict[bytes, SealedEntry]:
        """What the outbox holds, by hash."""
        return _entries(self.state / FILE_NAME)

    def files(self) -> list[Path]:
        """The outbox's files, and those set aside."""
        return [path for path in self.state.rglob(f"{FILE_NAME}*") if path.is_file()]

    # ── the agent ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def connected(self) -> bool:
        return self.uplink.connected

    def connect(self) -> None:
        self._turn(Connected())

    def disconnect(self) -> None:
        self._turn(Disconnected("the model broke it off"))

    def hear(self, topic: str, payload: bytes) -> int:
        """Hands the agent a message; returns how many it has refused over it."""
        before = self.uplink.counters["refused_messages"]
        self._turn(Arrived(topic, payload, retained=False, handle=(1, 1)))
        return self.uplink.counters["refused_messages"] - before

    def look(self) -> None:
        """The agent wakes: firmware told it of an entry, or a time-out came."""
        self._turn(Recorded())

    def _turn(self, work: Work) -> None:
        """One turn of `Uplink.run`."""
        self.uplink._handle(work)
        self.uplink._send_what_waits()

    def keyring_counter(self) -> int:
        """Of the keyring in use, as the agent knows it."""
        return self.uplink._keyring_counter

    # ── the card ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def take_image(self) -> None:
        """The card is copied, with the power off, and put back."""
        self.stop()
        shutil.rmtree(self._folder / "image", ignore_errors=True)
        shutil.copytree(self.state, self._folder / "image")
        self._image = copy.deepcopy(self.memory)
        self.start()

    def has_image(self) -> bool:
        return (self._folder / "image").exists()

    def image_head(self) -> LogHead | None:
        return self._image.head

    def restore_image(self) -> None:
        """The copy takes the card's place."""
        self.stop()
        shutil.rmtree(self.state)
        shutil.copytree(self._folder / "image", self.state)
        self.memory = copy.deepcopy(self._image)
        self.start()

    def salvage(self) -> None:
        """The agent has met damage and left its note; firmware sets the outbox aside and goes on with what it can read."""
        self.stop()
        (self.state / (FILE_NAME + DAMAGE_NOTE)).touch()
        self.start()

    def factory_reset(self) -> None:
        """Reset, what waits thrown away by number, and enrolled again."""
        self.stop()
        reset(self.state, discard=len(self.waiting()), new_keys=False)
        with suppress(FileNotFoundError):
            enrol.install(enrol.read_bundle(self._bundle), self.state)
        self.start()

    def counted_waiting(self) -> int:
        """What the outbox's own counters say."""
        with closing(Forwarder(self.state / FILE_NAME)) as forwarder:
            return forwarder.backlog().entries


def _entries(path: Path) -> dict[bytes, SealedEntry]:
    """The entries in an outbox, none twice."""
    if not path.exists():
        return {}
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro{alone}", uri=True)) as connection:
        rows = connection.execute("SELECT envelope FROM sealed ORDER BY ordinal").fetchall()
    found = {entry.hash: entry for entry in (read(envelope) for (envelope,) in rows)}
    assert len(found) == len(rows), "an entry waits twice"
    assert len({(entry.header.log, entry.header.seq) for entry in found.values()}) == len(rows), "two entries of one number wait"
    return found
