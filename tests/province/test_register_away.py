"""The register or more moved away, replaced or on a full disk under a collector: nothing is receipted that nobody would find again."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from province_world import WAIT_S, Broker, Collecting, Log, Scanner, founded, free_port, scanner, session, wait_for_keyring
from small_disk import small_disk

from edge_agent.wire import envelope
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.intake import Intake, Refused
from province.collecting.register import Register
from province.keys.keystore import Keystore
from province.store import database


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


@pytest.fixture
def witness(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path, "witness")


@pytest.fixture
def _broker(layout: Layout) -> Iterator[None]:
    with Broker(layout):
        yield


def stored(layout: Layout) -> list[bytes]:
    with closing(database.connect(layout.register)) as connection:
        return [row["hash"] for row in connection.execute("SELECT hash FROM entry ORDER BY log, seq, id")]


@pytest.mark.usefixtures("_broker")
@pytest.mark.parametrize("lost", ["", "-wal"])
def test_a_register_moved_away_is_waited_for(layout: Layout, device: Scanner, witness: Scanner, lost: str) -> None:
    there, away = layout.register.with_name(layout.register.name + lost), layout.root / "away"
    log = Log.new(device)
    with Collecting(layout) as collecting, session(device) as connected:
        wait_for_keyring(witness)
        connected.deliver(log.append())
        there.rename(away)
        made = log.append()
        connected.send(made)
        collecting.wait_until_logged("is not there any more")
        assert connected.arrived.empty()
        away.rename(there)
        [part] = connected.next_receipt().ranges
    assert (part.status, part.last_hash) == (Status.REGISTERED, envelope.envelope_hash(made))
    assert stored(layout)[1:] == [envelope.envelope_hash(made)]


EACH_MOMENT = """
import sys
from province import __main__
from province.collecting import collector
collector._KEYRING_CHECK_S = 0.05
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("_broker")
@pytest.mark.parametrize("lost, what", [("", "not looked after"), ("root.pub", "not looked after"), ("keystore", "erasures not applied")])
def test_what_each_minutes_work_needs_is_waited_for_too(
    layout: Layout, device: Scanner, witness: Scanner, tmp_path: Path, lost: str, what: str
) -> None:
    there, away, log = layout.root / lost, tmp_path / "away", Log.new(device)
    minutes_of_moments = [sys.executable, "-c", EACH_MOMENT, "collect", str(layout.root), "--events"]
    with Collecting(layout, minutes_of_moments) as collecting, session(device) as connected:
        wait_for_keyring(witness)
        there.rename(away)
        collecting.wait_until_logged(f"{what}: ")
        away.rename(there)
        collecting.wait_until_logged(f"no longer: {what}")
        [part] = connected.deliver(log.append())
        assert collecting.log().count(f"{what}: ") == 1, "said once, however often it was tried"
    assert part.status is Status.REGISTERED


@pytest.mark.usefixtures("_broker")
def test_a_register_replaced_by_an_older_copy_ends_the_collector_and_the_next_one_registers_all(
    layout: Layout, device: Scanner, witness: Scanner, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(layout.register)) as source, closing(sqlite3.connect(tmp_path / "backup.sqlite")) as backup:
        source.backup(backup)
    made = Log.new(device).append()
    with session(device) as connected:
        with Collecting(layout) as collecting:
            wait_for_keyring(witness)
            shutil.move(tmp_path / "backup.sqlite", layout.register)
            connected.send(made)
            assert collecting.process.wait(WAIT_S) == 1
            assert "another file was put there" in collecting.log()
            assert "Traceback" not in collecting.log()
            assert connected.arrived.empty()
        with Collecting(layout):
            [part] = connected.next_receipt().ranges
    assert part.last_hash == envelope.envelope_hash(made)
    assert stored(layout) == [envelope.envelope_hash(made)]


def test_what_went_into_a_file_that_vanished_meanwhile_is_not_called_stored(layout: Layout, device: Scanner) -> None:
    away = layout.root / "away"

    def gone_by_now() -> int:
        layout.register.rename(away)
        return now_ms()

    with Register(layout.register) as register:
        entry = Intake(register.device, Keystore(layout.keystore).load, now_ms()).examine(
            device.name.topic(Leaf.ENTRIES), Log.new(device).append()
        )
        with pytest.raises(database.RegisterBusy, match="is not there any more"):
            register.store([entry], gone_by_now)
        away.rename(layout.register)
        [again] = register.store([entry], now_ms)
    assert not isinstance(again, Refused)
    assert again.outcome.status is Status.REGISTERED
    assert len(stored(layout)) == 1


def test_a_full_disk_is_told_and_waited_for(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m"):
        layout = founded(tmp_path / "province", free_port())
        device, witness = scanner(layout, tmp_path), scanner(layout, tmp_path, "witness")
        on_small_disk = Layout(tmp_path / "disk" / "province")
        shutil.copytree(layout.root, on_small_disk.root)  # the broker's files stay where there is room
        log = Log.new(device)
        with Broker(layout), Collecting(on_small_disk) as collecting, session(device) as connected:
            wait_for_keyring(witness)
            connected.deliver(log.append())
            ballast = fill(tmp_path / "disk")
            made = [log.append() for _ in range(20)]
            connected.send(*made)
            collecting.wait_until_logged("its disk is full: make room")
            assert connected.arrived.empty()
            ballast.unlink()
            connected.receipts_until(len(made))
        assert stored(on_small_disk)[1:] == [envelope.envelope_hash(one) for one in made]


def fill(disk: Path) -> Path:
    """Writes until there is no room left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    raise AssertionError("a disk without an end")
