"""How dear "recorded before green" is, against a bare SQLite commit of the same bytes with the same fsync."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from measures import Measure, at_most, medians_ms, told
from province_world import passage

from edge_agent.store.outbox import Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope, sealing
from edge_agent.wire.entry import Clock, Header, Kind
from edge_agent.wire.keyring import EpochKey
from edge_agent.wire.topics import DeviceName

_ROUNDS = 400


def measure() -> list[Measure]:
    """The figures."""
    pair = sealing.generate(sealing.Suite.XWING)
    key = EpochKey("2026-11-21", pair.suite, pair.public).sealing_key()
    signer = Ed25519PrivateKey.generate()
    name = DeviceName("bus-co", "gate-1")
    sizes: list[int] = []

    def build(spot: Spot) -> bytes:
        header = Header(
            name,
            "Chợ",
            "Cổng",
            spot.log,
            spot.seq,
            spot.prev,
            Kind.PASSAGE,
            bytes(16),
            1,
            1,
            Clock.SYNCHRONISED,
            key.key_id,
            spot.predecessor,
        )
        made = envelope.make(header, passage(), key, signer)
        sizes.append(len(made))
        return made

    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "outbox.sqlite", 10**9)
        with closing(recorder), closing(sqlite3.connect(Path(folder) / "bare.sqlite", isolation_level=None)) as bare:
            bare.execute("PRAGMA journal_mode=WAL")
            bare.execute("PRAGMA synchronous=FULL")
            bare.execute("CREATE TABLE record(number INTEGER PRIMARY KEY, bytes BLOB)")
            recorder.append(build)
            record = bytes(sizes[0])
            ours, reference = medians_ms(
                lambda: recorder.append(build), lambda: bare.execute("INSERT INTO record(bytes) VALUES (?)", (record,)), rounds=_ROUNDS
            )
    return [
        at_most("record (seal, sign, commit)", ours / reference, "x bare commit", 2.0),
        told("sealed entry", sizes[0], "bytes"),
    ]
