"""What salvage goes through between two power cuts: an outbox damaged in each way that it knows, and a salvage cut short."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from crash_device import Device

from edge_agent.store import adopting, salvage
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import DAMAGE_NOTE, FILE_NAME
from edge_agent.store.pages import FRAME_HEAD_BYTES, PAGE_BYTES, WAL_HEAD_BYTES
from edge_agent.store.set_aside import KEPT


def _spoil(file: Path, offset: int, data: bytes) -> None:
    descriptor = os.open(file, os.O_RDWR)
    os.pwrite(descriptor, data, offset)
    os.fsync(descriptor)
    os.close(descriptor)


def _salvaged(device: Device) -> None:
    adopting._ADOPTS_A_TRANSACTION = 6
    device.open()
    device.record(3)


def salvage_log(folder: Path) -> None:
    """A bit flips in the write-ahead log."""
    device = Device(folder)
    device.record(14)
    wal = device.path.with_name(f"{FILE_NAME}-wal")
    at = WAL_HEAD_BYTES + FRAME_HEAD_BYTES + PAGE_BYTES + 8  # in the second frame's header
    _spoil(wal, at, bytes([wal.read_bytes()[at] ^ 1]))
    _salvaged(device)


def salvage_pages(folder: Path) -> None:
    """The first page of the file is gone."""
    device = Device(folder)
    device.record(10)
    device.recorder.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _spoil(device.path, 0, bytes(PAGE_BYTES))
    _salvaged(device)


def salvage_without_room(folder: Path) -> None:
    """A bit flips in the write-ahead log, and the disk has no room for a copy: SQLite reads the file alone."""
    salvage._COPIES_AT_MOST = 10**12
    salvage_log(folder)


def salvage_twice(folder: Path) -> None:
    """The salvage is cut short itself, and the next start carries on."""
    real = adopting._adopt_one
    done: list[int] = []

    def some(connection: sqlite3.Connection, ordinal: int, envelope: bytes) -> None:
        if len(done) == 8:
            raise KeyboardInterrupt
        done.append(ordinal)
        real(connection, ordinal, envelope)

    device = Device(folder)
    device.record(14)
    device.path.with_name(FILE_NAME + DAMAGE_NOTE).touch(0o600)
    adopting._ADOPTS_A_TRANSACTION = 3
    adopting._adopt_one = some
    with suppress(KeyboardInterrupt):
        device.open()
    adopting._adopt_one = real
    _salvaged(device)


def salvage_often(folder: Path) -> None:
    """Damaged again and again: what was set aside first is removed."""
    device = Device(folder)
    for _ in range(KEPT + 1):
        device.record(2)
        device.path.with_name(FILE_NAME + DAMAGE_NOTE).touch(0o600)
        device.open()
    device.record(1)


def salvage_noted(folder: Path) -> None:
    """The agent has met damage and left a note."""
    device = Device(folder)
    device.record(9)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder)[:4])
    device.path.with_name(FILE_NAME + DAMAGE_NOTE).touch(0o600)
    _salvaged(device)
