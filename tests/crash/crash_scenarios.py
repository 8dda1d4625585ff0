"""What a device does between two power cuts, as scripts: run under strace, each says on its standard output what it promises from then on.

`python crash_scenarios.py NAME FOLDER BUNDLE…` runs one. The code is the device's own; only its limits are made smaller, so that what
happens after megabytes happens after some entries.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sealed_examples import DAY, DEVICE, DEVICE_PUBLIC, KEYRING_OFFICER, PASSAGE, ROOT_PUBLIC, UNDATED_KEY, header, sealed_at
from tinydb import TinyDB
from tinydb.storages import JSONStorage

from edge_agent import disk, documents, enrol, envelope, outbox, recorder, salvage, stored_keyring
from edge_agent.documents import Documents
from edge_agent.entry import Clock
from edge_agent.envelope import envelope_hash, peek
from edge_agent.forwarder import Forwarder
from edge_agent.keyring import Keyring, issue
from edge_agent.outbox import DAMAGE_NOTE, FILE_NAME, Waiting
from edge_agent.receipt import Range, Status
from edge_agent.recorder import Recorder
from edge_agent.settings import AgentSettings, DeviceSettings, GateSettings, OutboxSettings, Settings
from firmware import gate_state, trip_memory
from firmware.gate_state import GateState
from firmware.gatehouse import open_recorder
from firmware.time_sense import Now
from firmware.trip_memory import TripMemory

STATE = "state"
PLAIN_FILE = "plain.json"
_BOOT = bytes(16)


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
            self.recorder.checkpoint_if_large()

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


# ── the outbox ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sealed_hybrid(spot: outbox.Spot) -> bytes:
    """A longer envelope: three do not fit into a page."""
    at = header(spot.seq, spot.prev, spot.log, key=UNDATED_KEY, predecessor=spot.predecessor)
    return envelope.make(at, PASSAGE, UNDATED_KEY.sealing_key(), DEVICE)


def record(folder: Path) -> None:
    """A first start, entries, an orderly stop, a second start."""
    device = Device(folder, build=_sealed_hybrid)
    device.record(6)
    device.recorder.probe()
    device.recorder.close()
    device.open()
    device.record(5)


def send(folder: Path) -> None:
    """The agent sends and forgets while firmware goes on recording."""
    device = Device(folder)
    device.record(8)
    forwarder = Forwarder(device.path)
    for forgotten in (3, 4):
        device.receipted(forwarder, device.sent(forwarder)[:forgotten])
        device.record(2)
    device.receipted(forwarder, device.sent(forwarder)[:2])
    device.receipted(forwarder, device.sent(forwarder))  # nobody passes meanwhile: two of the agent's commits in a row
    device.record(2)
    device.sent(forwarder)


def checkpoint(folder: Path) -> None:
    """The write-ahead log is folded back, by the agent when idle and by firmware past its limit, and begun anew."""
    recorder.CHECKPOINT_BYTES = 64 * 1024
    device = Device(folder)
    forwarder = Forwarder(device.path)
    for _ in range(3):
        device.record(4)
        forwarder.checkpoint()
        device.receipted(forwarder, device.sent(forwarder)[:3])
        forwarder.checkpoint()
    device.record(8)


def fork(folder: Path) -> None:
    """The province holds other bytes under one of our numbers: a new log begins."""
    device = Device(folder)
    device.record(4)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder)[:2], forked=True)
    device.record(4)
    device.sent(forwarder)


# ── salvage ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _spoil(file: Path, offset: int, data: bytes) -> None:
    descriptor = os.open(file, os.O_RDWR)
    os.pwrite(descriptor, data, offset)
    os.fsync(descriptor)
    os.close(descriptor)


def _salvaged(device: Device) -> None:
    recorder._ADOPTS_A_TRANSACTION = 6
    device.open()
    device.record(3)


def salvage_log(folder: Path) -> None:
    """A bit flips in the write-ahead log."""
    device = Device(folder)
    device.record(14)
    wal = device.path.with_name(f"{FILE_NAME}-wal")
    at = 32 + 24 + 4096 + 8  # in the second frame's header
    _spoil(wal, at, bytes([wal.read_bytes()[at] ^ 1]))
    _salvaged(device)


def salvage_pages(folder: Path) -> None:
    """The first page of the file is gone."""
    device = Device(folder)
    device.record(10)
    device.recorder.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _spoil(device.path, 0, bytes(4096))
    _salvaged(device)


def salvage_without_room(folder: Path) -> None:
    """A bit flips in the write-ahead log, and the disk has no room for a copy: SQLite reads the file alone."""
    salvage._COPIES_AT_MOST = 10**12
    salvage_log(folder)


def salvage_twice(folder: Path) -> None:
    """The salvage is cut short itself, and the next start carries on."""
    real = Recorder._adopt_one
    done: list[int] = []

    def some(self: Recorder, ordinal: int, envelope: bytes) -> None:
        if len(done) == 8:
            raise KeyboardInterrupt
        done.append(ordinal)
        real(self, ordinal, envelope)

    device = Device(folder)
    device.record(14)
    device.path.with_name(FILE_NAME + DAMAGE_NOTE).touch(0o600)
    recorder._ADOPTS_A_TRANSACTION = 3
    Recorder._adopt_one = some  # type: ignore[method-assign]
    with suppress(KeyboardInterrupt):
        device.open()
    Recorder._adopt_one = real  # type: ignore[method-assign]
    _salvaged(device)


def salvage_noted(folder: Path) -> None:
    """The agent has met damage and left a note."""
    device = Device(folder)
    device.record(9)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder)[:4])
    device.path.with_name(FILE_NAME + DAMAGE_NOTE).touch(0o600)
    _salvaged(device)


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _put(file_name: str, name: str, value: dict[str, Any], put: Callable[[], None]) -> None:
    say("begun", store=file_name, name=name, value=value)
    put()
    say("done", store=file_name, name=name, value=value)


def several_documents(folder: Path) -> None:
    """Three documents in one file, one of them long."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    store = Documents(state)
    for version in range(4):
        for name, size in (("config", 40), ("counters", 1), ("profile", 900)):
            value = {"version": version, "text": "ấ" * size}
            _put(documents.FILE_NAME, name, value, lambda name=name, value=value: store.put(name, value))  # type: ignore[misc]


def gate_and_trip(folder: Path) -> None:
    """The gate is closed and opened, trips begin and end."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    gate, trips = GateState(state), TripMemory(state, _BOOT)
    for turn in range(4):
        closed = turn % 2 == 0
        _put(gate_state.FILE_NAME, gate_state.DOCUMENT, {"closed": closed}, lambda closed=closed: gate.close_gate(closed))  # type: ignore[misc]
        now = Now(10**12 + turn, turn, Clock.SYNCHRONISED, None)
        trip = None if turn == 2 else f"trip {turn}"
        value = {"trip": trip or "", "boot": _BOOT.hex(), "seen_ms": now.wall_ms, "trusted": True}
        _put(trip_memory.FILE_NAME, "trip", value, lambda trip=trip, now=now: trips.note(trip, now))  # type: ignore[misc]


def keyrings(folder: Path) -> None:
    """Newer keyrings come; an older one is refused."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    for counter in (3, 4, 7, 5, 9):
        say("begun", store="keyring", value=counter)
        try:
            accepted = stored_keyring.accept(state, ROOT_PUBLIC, keyring_message(counter))
        except stored_keyring.OlderKeyring:
            continue
        say("done", store="keyring", value=accepted.counter)


def enrolment(folder: Path, *bundles: Path) -> None:
    """A new device joins, and later gets new TLS keys, a newer keyring and another gate."""
    for number, bundle in enumerate(bundles):
        say("begun", store="enrolment", value=number)
        enrol.install(enrol.read_bundle(bundle), folder / STATE)
        say("done", store="enrolment", value=number)


# ── the other way round: what a power cut must be seen to spoil ──────────────────────────────────────────────────────────────────


def no_fsync(folder: Path) -> None:
    """Entries recorded, sent and receipted with SQLite's synchronous=OFF."""
    real = outbox.connect
    recorder.connect = lambda path, synchronous: real(path, synchronous and "OFF")  # type: ignore[attr-defined]
    device = Device(folder)
    device.record(2)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder))


def green_too_soon(folder: Path) -> None:
    """The light turns green before the commit."""
    device = Device(folder)
    for _ in range(4):

        def build(spot: outbox.Spot) -> bytes:
            sealed = sealed_at(spot)
            say("green", log=spot.log.hex(), seq=spot.seq, hash=envelope_hash(sealed).hex())
            return sealed

        device.recorder.append(build)


def plain_tinydb(folder: Path) -> None:
    """TinyDB's own storage, which writes in place."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    store = TinyDB(state / PLAIN_FILE, storage=JSONStorage)
    for version in range(4):
        value = {"version": version, "text": "ấ" * 900}
        _put(PLAIN_FILE, "profile", value, lambda value=value: store.upsert({"name": "profile", "value": value}, lambda _: True))  # type: ignore[misc]


def again(folder: Path) -> None:
    """A start on what a power cut has left, and some work."""
    device = Device(folder)
    device.record(2)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder)[:1])
    device.record(1)


AGAIN = "cut again"
OUTBOX_SCENARIOS: dict[str, Callable[..., None]] = {
    "record": record,
    "send": send,
    "checkpoint": checkpoint,
    "fork": fork,
    "salvage: log": salvage_log,
    "salvage: pages": salvage_pages,
    "salvage: note": salvage_noted,
    "salvage: no room": salvage_without_room,
    "salvage: cut short": salvage_twice,
}
SCENARIOS = OUTBOX_SCENARIOS | {
    "documents": several_documents,
    "gate and trip": gate_and_trip,
    "keyring": keyrings,
    "enrolment": enrolment,
}
SPOILT: dict[str, Callable[..., None]] = {"no fsync": no_fsync, "green too soon": green_too_soon, "plain TinyDB": plain_tinydb}


def main() -> None:
    """Runs one scenario and ends as a killed process does, with nothing closed."""
    logging.disable()
    name, folder, *bundles = sys.argv[1:]
    (SCENARIOS | SPOILT | {AGAIN: again})[name](Path(folder), *map(Path, bundles))
    os._exit(0)


if __name__ == "__main__":
    main()
