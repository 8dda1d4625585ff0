"""What happens when processes die, disks fill, locks are held and keys are away: nothing is lost, doubled or receipted too early."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from province_world import (
    WAIT_S,
    Broker,
    Collecting,
    Log,
    Scanner,
    cli,
    passage,
    recorded,
    scanner,
    session,
    wait_for_keyring,
)

from edge_agent.link.broker_link import Message
from edge_agent.wire import envelope
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.intake import Intake, Refused, Taken
from province.collecting.register import Register
from province.demo.synthetic import synthetic_people
from province.keys.keystore import Keystore
from province.store import database

HANGS_WHEN_STOPPING = """
import sys, threading
from pathlib import Path
from edge_agent.base import logs
from edge_agent.link.broker_link import BrokerLink
from province.shell.collect_command import by_mqtt, collect
from province.base.layout import Layout

class Link(BrokerLink):
    def stop(self) -> None:
        threading.Event().wait()

logs.configure(verbose=False)
layout = Layout(Path(sys.argv[1]))
collect(layout, by_mqtt(layout, ("127.0.0.1", 1), make_link=Link), lambda item, committed_ms: None)
"""

DIES_BEFORE_THE_RECEIPT = """
import os, signal, sys
from pathlib import Path
from edge_agent.link.broker_link import BrokerLink, Message
from province.shell.collect_command import by_mqtt, collect
from province.base.layout import Layout

class Link(BrokerLink):
    def publish(self, message: Message) -> None:
        if message.topic.endswith("/receipts"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().publish(message)

layout = Layout(Path(sys.argv[1]))
collect(layout, by_mqtt(layout, ("127.0.0.1", int(sys.argv[2])), make_link=Link), lambda item, committed_ms: None)
"""


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


@pytest.fixture
def witness(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path, "witness")


@pytest.fixture
def broker(layout: Layout) -> Iterator[Broker]:
    with Broker(layout) as running:
        yield running


def stored(layout: Layout) -> list[tuple[int, bytes]]:
    with closing(database.connect(layout.register)) as connection:
        return [tuple(row) for row in connection.execute("SELECT seq, hash FROM entry ORDER BY log, seq, id")]


def examined(layout: Layout, register: Register, device: Scanner, *envelopes: bytes) -> list[Taken | Refused]:
    intake = Intake(register.device, Keystore(layout.keystore).load, now_ms())
    return [intake.examine(device.name.topic(Leaf.ENTRIES), one) for one in envelopes]


def test_killed_between_commit_and_receipt_the_same_entry_is_receipted_after_restart(
    layout: Layout, broker: Broker, device: Scanner, witness: Scanner
) -> None:
    made = Log.new(device).append()
    with session(device) as connected:
        with Collecting(layout, (sys.executable, "-c", DIES_BEFORE_THE_RECEIPT, str(layout.root), str(broker.port))) as doomed:
            wait_for_keyring(witness)
            connected.send(made)
            assert doomed.process.wait(WAIT_S) == -signal.SIGKILL
        assert stored(layout) == [(1, envelope.envelope_hash(made))]
        assert connected.arrived.empty()
        with Collecting(layout) as collecting:
            [part] = connected.next_receipt().ranges
            assert collecting.events.get(timeout=WAIT_S)["event"] == "repeated"
    assert (part.status, part.last_hash) == (Status.REGISTERED, envelope.envelope_hash(made))
    assert stored(layout) == [(1, envelope.envelope_hash(made))]


@pytest.mark.usefixtures("broker")
def test_a_collector_killed_in_the_middle_registers_each_entry_once(layout: Layout, device: Scanner, witness: Scanner) -> None:
    log = Log.new(device)
    made = [log.append() for _ in range(300)]
    with session(device) as connected:
        with Collecting(layout) as first:
            wait_for_keyring(witness)
            for one in made:
                connected.link.publish(Message(device.name.topic(Leaf.ENTRIES), one))
            first.events.get(timeout=WAIT_S)
            first.process.kill()
        with Collecting(layout):
            connected.send(*made)  # what a device does with all it has no receipt for
            covered: set[int] = set()
            while covered != set(range(1, 301)):
                covered |= {seq for part in connected.next_receipt().ranges for seq in range(part.first, part.last + 1)}
    assert [seq for seq, _ in stored(layout)] == list(range(1, 301))


def test_a_broker_killed_and_started_again_is_found_again(layout: Layout, broker: Broker, device: Scanner, witness: Scanner) -> None:
    log = Log.new(device)
    with Collecting(layout) as collecting:
        wait_for_keyring(witness)
        broker.stop(signal.SIGKILL)
        collecting.wait_until_logged("not connected")
        broker.start()
        wait_for_keyring(witness)
        with session(device) as connected:
            [part] = connected.deliver(log.append())
    assert part.status is Status.REGISTERED


@pytest.mark.usefixtures("broker")
def test_a_locked_database_is_waited_for(layout: Layout, device: Scanner, witness: Scanner) -> None:
    with Collecting(layout) as collecting, session(device) as connected:
        wait_for_keyring(witness)
        with closing(sqlite3.connect(layout.register, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            connected.send(Log.new(device).append())
            collecting.wait_until_logged("another program holds it locked")
            assert connected.arrived.empty()
            holder.execute("ROLLBACK")
        assert connected.next_receipt().ranges[0].status is Status.REGISTERED


@pytest.mark.usefixtures("broker")
def test_a_keystore_that_is_away_is_waited_for_and_nothing_is_called_expired(layout: Layout, device: Scanner, witness: Scanner) -> None:
    away = layout.root / "away"
    with Collecting(layout) as collecting, session(device) as connected:
        wait_for_keyring(witness)
        layout.keystore.rename(away)
        connected.send(Log.new(device).append())
        collecting.wait_until_logged("the keystore is not there")
        away.rename(layout.keystore)
        assert connected.next_receipt().ranges[0].status is Status.REGISTERED


def test_a_full_disk_stores_nothing_and_all_of_it_later(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    made = [log.append() for _ in range(60)]
    with Register(layout.register) as register:
        batch = examined(layout, register, device, *made)
        pages = register._connection.execute("PRAGMA page_count").fetchone()[0]
        register._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(database.RegisterBusy, match="make room"):
            register.store(batch, now_ms)
        assert stored(layout) == []
        register._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        register.store(batch, now_ms)
    assert len(stored(layout)) == 60


@pytest.mark.usefixtures("broker")
def test_only_one_collector_runs_and_it_ends_cleanly_when_told(layout: Layout) -> None:
    with Collecting(layout) as collecting:
        collecting.wait_until_logged("connected to the broker")
        second = cli("collect", layout.root)
        other = f"another collector (process {collecting.process.pid})"
        assert (second.returncode, other in second.stderr, "Traceback" in second.stderr) == (1, True, False)
        collecting.process.terminate()
        assert collecting.process.wait(WAIT_S) == 0
        assert "stopped" in collecting.log()


def test_a_folder_that_cannot_be_locked_is_said(layout: Layout) -> None:
    layout.collector_lock(1).mkdir()
    refused = cli("collect", layout.root)
    said = f"gate-province: {layout.collector_lock(1)}: cannot be written (Is a directory): check the disk, "
    assert (refused.returncode, said in refused.stderr, "Traceback" in refused.stderr) == (1, True, False), refused.stderr


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_collector_whose_stopping_hangs(layout: Layout, again: signal.Signals) -> None:
    with Collecting(layout, (sys.executable, "-c", HANGS_WHEN_STOPPING, str(layout.root))) as collecting:
        collecting.wait_until_logged("collecting from ")
        collecting.process.send_signal(signal.SIGTERM)
        try:
            collecting.wait_until_logged("stopping after the batch in hand: SIGTERM")
            collecting.process.send_signal(again)
            assert collecting.process.wait(WAIT_S) == 128 + again
        finally:
            collecting.process.kill()
    assert f"ended at once: {again.name}" in collecting.log()


def test_secrets_that_belong_in_a_safe_are_told_at_the_start(layout: Layout) -> None:
    with Collecting(layout) as collecting:
        collecting.wait_until_logged("nothing listens there")
        told = [line for line in collecting.log().splitlines() if "still on this machine" in line]
    assert [("WARNING" in line, str(folder) in line) for line, folder in zip(told, (layout.root_folder, layout.offline), strict=True)] == [
        (True, True),
        (True, True),
    ]
    layout.root_key.unlink()
    shutil.rmtree(layout.offline)
    with Collecting(layout) as collecting:
        collecting.wait_until_logged("nothing listens there")
    assert collecting.log().count("still on this machine") == 2


@pytest.mark.usefixtures("broker")
def test_an_empty_mount_point_is_waited_for_like_a_keystore_that_is_away(layout: Layout, device: Scanner, witness: Scanner) -> None:
    away = layout.root / "away"
    with Collecting(layout) as collecting, session(device) as connected:
        wait_for_keyring(witness)
        layout.keystore.rename(away)
        layout.keystore.mkdir()
        connected.send(Log.new(device).append())
        collecting.wait_until_logged("the keystore is not there")
        assert list(layout.keystore.iterdir()) == []
        away.rename(layout.keystore)
        assert connected.next_receipt().ranges[0].status is Status.REGISTERED


def test_collecting_does_not_begin_on_an_empty_mount_point(layout: Layout) -> None:
    layout.keystore.rename(layout.root / "away")
    layout.keystore.mkdir()
    ended = cli("collect", layout.root)
    assert (ended.returncode, "Mount or restore" in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)


def test_an_unreachable_broker_is_told_and_tried_again(layout: Layout) -> None:
    with Collecting(layout) as collecting:
        collecting.wait_until_logged("nothing listens there")
        collecting.process.send_signal(signal.SIGINT)
        assert collecting.process.wait(WAIT_S) == 0


def test_missing_keys_are_told(layout: Layout) -> None:
    (layout.officers / "receipts.key").unlink()
    ended = cli("collect", layout.root)
    assert (ended.returncode, "receipts" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_nothing_of_a_person_is_in_any_file(layout: Layout, broker: Broker, device: Scanner, witness: Scanner) -> None:
    people = synthetic_people(30, seed=5)
    log = Log.new(device)
    with session(device) as connected:
        with Collecting(layout):
            wait_for_keyring(witness)
            connected.deliver(*(log.append(passage(recorded(person))) for person in people))
            connected.send(log.append(passage(recorded(people[0])))[:-3])
            connected.silent_after(Log.new(device))
        connected.send(*(log.append(passage(recorded(person))) for person in people))  # these stay in the broker's store
    broker.stop()
    assert (layout.broker_store / "mosquitto.db").stat().st_size > 30 * 500
    texts = {text for person in people for text in (person.name, person.id_number, person.old_id, person.phone) if text}
    secrets = [text.encode(code) for text in texts for code in ("utf-8", "utf-16-le")]
    files = [path for path in layout.root.parent.rglob("*") if path.is_file()]
    assert {layout.register, layout.broker_store / "mosquitto.db"} <= set(files)
    guilty = {path.name for path in files for secret in secrets if secret in path.read_bytes()}
    assert guilty == set()
