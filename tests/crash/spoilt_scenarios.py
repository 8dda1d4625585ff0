"""The other way round: three devices whose promises a power cut must be seen to spoil."""

from __future__ import annotations

from pathlib import Path

from crash_device import STATE, Device, say
from document_scenarios import put_and_say
from sealed_examples import sealed_at
from tinydb import TinyDB
from tinydb.storages import JSONStorage

from edge_agent.base import disk
from edge_agent.store import outbox, recorder
from edge_agent.store.forwarder import Forwarder
from edge_agent.wire.envelope import envelope_hash

PLAIN_FILE = "plain.json"


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
        put_and_say(PLAIN_FILE, "profile", value, lambda value=value: store.upsert({"name": "profile", "value": value}, lambda _: True))  # type: ignore[misc]
