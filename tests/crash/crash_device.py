"""The device of the crash scenarios: firmware's and the agent's end of one small outbox, and how promises are told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from sealed_examples import DAY, DEVICE_PUBLIC, KEYRING_OFFICER, UNDATED_KEY, sealed_at

from edge_agent.base import disk
from edge_agent.device.settings import AgentSettings, DeviceSettings, GateSettings, OutboxSettings, Settings
from edge_agent.store import outbox
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, Waiting
from edge_agent.wire.envelope import envelope_hash, peek
from edge_agent.wire.keyring import Keyring, issue
from edge_agent.wire.receipt import Range, Status
from firmware.gatehouse import open_recorder

STATE = "state"


def say(what: str, **facts: object) -> None:
    """A promise, or a step that later ones refer to; one write, seen where it stands among the others."""
    os.write(1, json.dumps({"what": what, **facts}).encode() + b"\n")


def settings_for(folder: Path) -> Settings:
    """A small outbox in the state folder."""
    device = DeviceSettings(state=folder / STATE, runtime=folder / "run")
    return Settings(folder / "gate.toml", device, GateSettings(), OutboxSettings(capacity_mb=1, keep_free_mb=0), AgentSettings(), ())


def keyring_message(counter: int) -> bytes:
    """A genuine keyring with that counter."""
    return issue(Keyring(counter, 1, (DAY, UNDATED_KEY)), KEYRING_OFFICER)


class Device:
    """Firmware's and the agent's end of one outbox."""

    def __init__(self, folder: Path, build: Callable[[outbox.Spot], bytes] = sealed_at) -> None:
        self._build = build
        self.folded = 0  # how often firmware has folded the write-ahead log back
        self.settings = settings_for(folder)
        self.path = self.settings.device.state / FILE_NAME
        self.path.parent.mkdir(exist_ok=True)
        disk.sync_folder(folder)  # as enrolment left it
        self.open()

    def open(self) -> None:
        """As firmware does when it starts."""
        self.recorder, _salvaged = open_recorder(self.settings, device_key=DEVICE_PUBLIC)

    def record(self, count: int) -> None:
        for _ in range(count):
            recorded = self.recorder.append(self._build)
            say("green", log=recorded.log.hex(), seq=recorded.seq, hash=recorded.hash.hex())
            wal = self.path.with_name(f"{FILE_NAME}-wal")
            before = wal.stat().st_size
            self.recorder.checkpoint_if_large()
            self.folded += wal.stat().st_size < before

    def sent(self, forwarder: Forwarder, limit: int = 100) -> list[Waiting]:
        """The agent sends what waits."""
        waiting = forwarder.page(0, limit)
        for item in waiting:
            at = peek(item.envelope).header
            say("sent", log=at.log.hex(), seq=at.seq, hash=envelope_hash(item.envelope).hex())
        return waiting

    def receipted(self, forwarder: Forwarder, waiting: list[Waiting], *, forked: bool = False) -> None:
        """The province's receipt for some of one log that follow each other."""
        first, last = (peek(waiting[place].envelope).header for place in (0, -1))
        say("receipt", log=first.log.hex(), first=first.seq, last=last.seq)
        part = Range(first.seq, last.seq, envelope_hash(waiting[-1].envelope), Status.REGISTERED, forked=forked)
        forwarder.forget(first.log, part)
