"""Cards restored from old images, deleted outboxes, replayed receipts: a fork or a new log, never a lost or overwritten entry."""

from __future__ import annotations

import queue
import shutil
import threading
from contextlib import closing
from pathlib import Path

from chain_world import WAIT_S, Chain, chain

from edge_agent.device import identity as identities
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire import receipt
from edge_agent.wire.topics import Leaf
from province.base.layout import COLLECTOR
from province.demo.synthetic import synthetic_people
from province.records.alerts import AlertKind
from province.shell.collect_command import endpoint


def run_all(world: Chain) -> None:
    world.broker.start()
    world.collect()
    world.gate.agent.start()
    world.gate.open()


def stop_gate(world: Chain) -> None:
    world.gate.firmware.end()
    world.gate.agent.end()


def restart_gate(world: Chain) -> None:
    world.gate.agent.start()
    world.gate.open()


def test_a_card_restored_from_an_old_image_forks_and_nobody_is_lost(tmp_path: Path) -> None:
    people = synthetic_people(12, seed=11)
    with chain(tmp_path) as world:
        run_all(world)
        world.gate.pass_by(people[:4])
        world.wait_until_receipted()
        stop_gate(world)
        shutil.copytree(world.gate.state, tmp_path / "image")
        restart_gate(world)
        world.gate.pass_by(people[4:8])
        world.wait_until_receipted()
        stop_gate(world)

        shutil.rmtree(world.gate.state)
        shutil.copytree(tmp_path / "image", world.gate.state)
        restart_gate(world)
        world.gate.pass_by(people[8:10])  # under numbers the province knows with other bytes
        world.wait_until_receipted()
        world.gate.pass_by(people[10:])  # the fork is known by now: these go into a new log
        world.wait_until_receipted()

        assert world.passages_of(people) == [1] * len(people)
        assert world.count_passages() == len(people)
        logs = world.logs()
        assert len(logs) == 2
        assert sum(state.forks for state in logs) > 0
        assert {alert.kind for alert in world.alerts()} >= {AlertKind.FORK}
        assert all(state.gaps == () for state in logs)


def test_a_deleted_outbox_begins_a_new_log_and_the_province_notices(tmp_path: Path) -> None:
    people = synthetic_people(6, seed=12)
    with chain(tmp_path) as world:
        run_all(world)
        world.gate.pass_by(people[:3])
        world.wait_until_receipted()
        stop_gate(world)
        for file in world.gate.state.glob(f"{FILE_NAME}*"):
            file.unlink()
        restart_gate(world)
        world.gate.pass_by(people[3:])
        world.wait_until_receipted()
        assert world.passages_of(people) == [1] * 6
        assert len(world.logs()) == 2
        assert AlertKind.UNANNOUNCED_LOG in {alert.kind for alert in world.alerts()}


def receipts_for_what_waits(world: Chain) -> list[bytes]:
    """Plays the agent: sends what waits and gathers the receipts, without letting the outbox forget."""
    events: queue.Queue[Event] = queue.Queue()
    identity = identities.load(world.gate.state)
    link = BrokerLink(identity.endpoint, str(identity.name), [identity.name.topic(Leaf.RECEIPTS)], events.put)
    link.start()
    try:
        assert isinstance(events.get(timeout=WAIT_S), Connected)
        with closing(Forwarder(world.gate.state / FILE_NAME)) as outbox:
            waiting = outbox.page(0, 1000)
        for entry in waiting:
            assert link.publish_and_wait(Message(identity.name.topic(Leaf.ENTRIES), entry.envelope), WAIT_S)
        receipts: list[bytes] = []
        covered = 0
        while covered < len(waiting):
            event = events.get(timeout=WAIT_S)
            if isinstance(event, Arrived):
                receipts.append(event.payload)
                parts = receipt.verify(event.payload, identity.root, identity.name).ranges
                covered += sum(part.last - part.first + 1 for part in parts)
        return receipts
    finally:
        link.stop()


def test_replayed_receipts_of_another_branch_let_nothing_be_forgotten(tmp_path: Path) -> None:
    people = synthetic_people(8, seed=13)
    with chain(tmp_path) as world:
        world.broker.start()
        world.collect()
        world.gate.open()
        shutil.copytree(world.gate.state, tmp_path / "image", ignore=shutil.ignore_patterns("*.lock"))
        world.gate.pass_by(people[:4])
        world.gate.firmware.end()
        assert world.collecting is not None
        world.collecting.wait_until_logged("connected to the broker")  # what comes before it subscribes an agent would send again
        receipts = receipts_for_what_waits(world)
        world.stop_collecting()

        shutil.rmtree(world.gate.state)
        shutil.copytree(tmp_path / "image", world.gate.state)
        world.gate.open()
        world.gate.pass_by(people[4:])  # other people under the numbers those receipts name
        before = world.gate.waiting()
        world.gate.agent.start()
        world.gate.agent.wait_until_logged("in use")  # the keyring has come: it listens to receipts by now
        replay(world, receipts)
        assert world.gate.waiting() >= before - 1  # at most the boot entry that both branches share

        world.collect()
        world.wait_until_receipted()
        assert world.passages_of(people) == [1] * len(people)


def replay(world: Chain, receipts: list[bytes]) -> None:
    """Plays a hostile broker: publishes old receipts again, and waits until the agent has refused them."""
    connected = threading.Event()
    link = BrokerLink(
        endpoint(world.layout, ("127.0.0.1", world.broker.port)),
        COLLECTOR,
        [],
        lambda event: connected.set() if isinstance(event, Connected) else None,
    )
    link.start()
    try:
        assert connected.wait(WAIT_S)
        for one in receipts:
            assert link.publish_and_wait(Message(world.gate.name.topic(Leaf.RECEIPTS), one), WAIT_S)
        world.gate.agent.wait_until_logged("names other bytes than ours")
    finally:
        link.stop()
