"""What the uplink's tests share: an agent and a province that meet over a real broker, and receipts between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from real_broker import Authority, Broker, Listener, bundle, write_bundle
from sealed_examples import DEVICE_PUBLIC, NAME, WAIT_S, officer

from edge_agent.carry import connecting, uplink
from edge_agent.carry.connecting import Stop, Work
from edge_agent.carry.intake import Intake
from edge_agent.carry.uplink import Uplink
from edge_agent.device import identity
from edge_agent.device.settings import AgentSettings
from edge_agent.enrolment import enrol
from edge_agent.link import broker_link
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire import envelope, receipt
from edge_agent.wire.authority import Power
from edge_agent.wire.receipt import Range, Receipt, Status
from edge_agent.wire.topics import DeviceName, Leaf

ENTRIES, RECEIPTS, STATUS = (NAME.topic(leaf) for leaf in (Leaf.ENTRIES, Leaf.RECEIPTS, Leaf.STATUS))
AUTHORITY = Authority()
QUICK = AgentSettings(window=20, receipt_timeout_s=0.5, keepalive_s=5)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_link, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(broker_link, "_LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr(uplink, "_LOOK_S", 0.05)
    monkeypatch.setattr(uplink, "_RETRY_OUTBOX_S", 0.05)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker", AUTHORITY)
    broker.start()
    yield broker
    broker.end()


@pytest.fixture
def state(tmp_path: Path, broker: Broker) -> Path:
    state = tmp_path / "state"
    enrol.install(enrol.read_bundle(write_bundle(tmp_path, bundle(AUTHORITY, broker.port))), state)
    return state


class Agent:
    """An uplink with its link, in threads of this process."""

    def __init__(self, state: Path, settings: AgentSettings = QUICK) -> None:
        self.work: Intake[Work] = Intake()
        self.changed = threading.Condition()
        who = identity.load(state)
        self.link = connecting.connect(who, settings, self.work)
        self.uplink = Uplink(who, settings, state, self.work, self.link.publish, self._on_change)
        self.thread = threading.Thread(target=self.uplink.run)
        self.thread.start()
        self.link.start()

    def _on_change(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def until(self, happened: Callable[[Uplink], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: happened(self.uplink), WAIT_S)

    def close(self) -> None:
        self.work.put(Stop())
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        self.link.stop()


class Province(Listener):
    """Reads entries as they come and receipts them when told to."""

    def entry(self) -> envelope.SealedEntry:
        return envelope.verify(self.next(ENTRIES).payload, DEVICE_PUBLIC)

    def entries_until(self, *numbers: int) -> list[int]:
        seen: list[int] = []
        while not set(numbers) <= set(seen):
            seen.append(self.entry().header.seq)
        return seen

    def receipt(self, log: bytes, *parts: Range, power: Power = Power.RECEIPTS, name: DeviceName = NAME) -> None:
        message = receipt.issue(Receipt(name, log, parts, 1_633_366_900_000), officer(power))
        self.publish(RECEIPTS, message)


@pytest.fixture
def province(broker: Broker) -> Iterator[Province]:
    province = Province(broker)
    yield province
    province.close()


def waits(state: Path) -> int:
    with closing(Forwarder(state / FILE_NAME)) as forwarder:
        return forwarder.backlog().entries


def exact(made: list[bytes], first: int, last: int, status: Status = Status.REGISTERED, *, forked: bool = False) -> Range:
    return Range(first, last, envelope.envelope_hash(made[last - 1]), status, forked=forked)


def log_of(made: list[bytes]) -> bytes:
    return envelope.peek(made[0]).header.log
