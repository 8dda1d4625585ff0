"""From the outbox to a province and back over a real broker: what is receipted is forgotten, everything else is sent again."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from real_broker import Authority, Broker, Events, Listener, break_off, bundle, write_bundle
from sealed_examples import (
    DAY,
    DEVICE_PUBLIC,
    KEYRING_OFFICER,
    NAME,
    RECEIPTS_OFFICER,
    ROOT_PUBLIC,
    STRANGER,
    UNDATED_KEY,
    WAIT_S,
    filled,
    officer,
    sealed_at,
)

from edge_agent import broker_link, enrol, envelope, identity, keyring, receipt, stored_keyring, topics, uplink
from edge_agent.authority import Power
from edge_agent.broker_link import Connected, Disconnected, Message
from edge_agent.documents import FILE_NAME as DOCUMENTS
from edge_agent.forwarder import Forwarder
from edge_agent.keyring import Keyring
from edge_agent.outbox import FILE_NAME, OutboxDamaged
from edge_agent.receipt import Range, Receipt, Status
from edge_agent.recorder import Recorder
from edge_agent.salvage import salvage
from edge_agent.settings import AgentSettings
from edge_agent.topics import DeviceName, Leaf
from edge_agent.uplink import Recorded, Stop, Uplink, Work, status_message

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
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
        self.work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self.changed = threading.Condition()
        who = identity.load(state)
        self.link = uplink.connect(who, settings, self.work)
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


def test_all_is_sent_in_order_and_what_is_receipted_is_forgotten(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 50)
    with closing(Agent(state)) as agent:
        seen: list[int] = []
        while len(seen) < 50:
            entry = province.entry()
            if entry.header.seq in seen:
                continue
            seen.append(entry.header.seq)
            province.receipt(entry.header.log, exact(made, entry.header.seq, entry.header.seq))
        agent.until(lambda it: it.counters["receipted_registered"] == 50)
        assert seen == list(range(1, 51))
        assert agent.uplink.last_receipt_ms == 1_633_366_900_000
        assert waits(state) == 0


def test_never_more_than_the_window_is_under_way(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 30)
    with closing(Agent(state, replace(QUICK, window=5, receipt_timeout_s=60))) as agent:
        assert province.entries_until(5) == [1, 2, 3, 4, 5]
        assert agent.uplink.counters["sent"] == 5
        province.receipt(log_of(made), exact(made, 1, 3))
        assert province.entries_until(8) == [6, 7, 8]


def test_without_a_receipt_it_is_sent_again_and_a_lost_receipt_does_no_harm(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 3)
    with closing(Agent(state)) as agent:
        for _round in range(2):
            province.entries_until(1, 2, 3)
        province.receipt(log_of(made), exact(made, 1, 3))
        agent.until(lambda it: it.counters["receipted_registered"] == 3)
        province.receipt(log_of(made), exact(made, 1, 3))
        province.receipt(log_of(made), exact(made, 1, 3))
        province.publish(RECEIPTS, b"a mark")
        agent.until(lambda it: it.counters["refused_messages"] == 1)
        assert agent.uplink.counters["receipted_registered"] == 3, "a receipt that comes again counts once"


def test_an_entry_that_is_never_receipted_blocks_no_other(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 12)
    with closing(Agent(state, replace(QUICK, window=2))) as agent:
        while agent.uplink.counters["receipted_registered"] < 11:
            entry = province.entry()
            if entry.header.seq != 1:
                province.receipt(entry.header.log, exact(made, entry.header.seq, entry.header.seq))
        assert waits(state) == 1
        assert 1 in province.entries_until(1), "and it is tried again"


def test_new_entries_go_out_without_being_told_and_at_once_when_told(state: Path, province: Province) -> None:
    with closing(Recorder(state / FILE_NAME, 10**9)) as recorder, closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        recorder.append(sealed_at)
        assert province.entry().header.seq == 1
        recorder.append(sealed_at)
        agent.work.put(Recorded())
        assert 2 in province.entries_until(2)


def test_each_fate_is_counted_apart(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 3)
    with closing(Agent(state)) as agent:
        province.entries_until(1, 2, 3)
        parts = [exact(made, number, number, status) for number, status in enumerate(Status, start=1)]
        province.receipt(log_of(made), *parts)
        for status in Status:
            agent.until(lambda it, status=status: it.counters[f"receipted_{status}"] == 1)  # type: ignore[misc]
        assert waits(state) == 0


def test_forged_foreign_and_garbled_messages_are_refused_counted_and_forget_nothing(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 2)
    log, whole = log_of(made), exact(made, 1, 2)
    genuine = receipt.issue(Receipt(NAME, log, (whole,), 1), RECEIPTS_OFFICER)
    with closing(Agent(state)) as agent:
        province.entries_until(1, 2)
        province.receipt(log, whole, power=Power.KEYRING)
        province.receipt(log, whole, name=DeviceName("bus-co", "scanner-2"))
        province.publish(RECEIPTS, receipt.issue(Receipt(NAME, log, (whole,), 1), officer(Power.RECEIPTS, root=STRANGER)))
        province.publish(RECEIPTS, genuine[:-1])
        province.publish(RECEIPTS, genuine[:-1] + bytes([genuine[-1] ^ 1]))
        province.publish(RECEIPTS, b"")
        province.publish(RECEIPTS, bytes(100_000))
        agent.until(lambda it: it.counters["refused_messages"] == 7)
        province.receipt(log, replace(whole, last_hash=bytes(32)))
        agent.until(lambda it: it.counters["receipts_of_other_bytes"] == 1)
        province.receipt(bytes(16), whole)
        province.receipt(log, replace(whole, first=1, last=2**63 - 1))
        assert waits(state) == 2
        province.publish(RECEIPTS, genuine)
        agent.until(lambda it: it.counters["receipted_registered"] == 2)


def test_a_fork_makes_firmware_start_a_new_log(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 3)
    with closing(Agent(state)) as agent:
        province.entries_until(1, 2, 3)
        province.receipt(log_of(made), exact(made, 3, 3, forked=True))
        agent.until(lambda it: it.counters["forks"] == 1 and it.counters["receipted_registered"] == 1)
        with closing(Recorder(state / FILE_NAME, 10**9)) as recorder:
            assert recorder.append(sealed_at).log != log_of(made)
        while (entry := province.entry()).header.log == log_of(made):
            pass
        assert entry.header.predecessor is not None
        assert (entry.header.predecessor.log, entry.header.predecessor.seq) == (log_of(made), 3)


def test_a_broker_killed_and_restarted_loses_nothing(state: Path, broker: Broker) -> None:
    made = filled(state / FILE_NAME, 10)
    with closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        broker.end(signal.SIGKILL)
        agent.until(lambda it: not it.connected)
        assert "nothing listens there" in agent.uplink.trouble or "lost" in agent.uplink.trouble
        broker.start()
        with closing(Province(broker)) as province:
            province.entries_until(*range(1, 11))
            province.receipt(log_of(made), exact(made, 1, 10))
            agent.until(lambda it: it.counters["receipted_registered"] == 10)


def test_a_keyring_is_taken_and_an_older_or_forged_one_refused(state: Path, province: Province) -> None:
    def published(counter: int, root: object = None) -> bytes:
        clerk = KEYRING_OFFICER if root is None else officer(Power.KEYRING, root=STRANGER)
        return keyring.issue(Keyring(counter, 1, (DAY, UNDATED_KEY)), clerk)

    province.publish(topics.KEYRING, published(8), retain=True)
    with closing(Agent(state)) as agent:
        agent.until(lambda _it: stored_keyring.read(state, ROOT_PUBLIC).counter == 8)
        province.publish(topics.KEYRING, published(9))
        agent.until(lambda _it: stored_keyring.read(state, ROOT_PUBLIC).counter == 9)
        for wrong in (published(7), published(99, STRANGER), b"garbage"):
            province.publish(topics.KEYRING, wrong)
        agent.until(lambda it: it.counters["refused_messages"] == 3)
        assert stored_keyring.read(state, ROOT_PUBLIC).counter == 9


def test_damaged_documents_do_not_end_the_agent(state: Path, province: Province) -> None:
    made = filled(state / FILE_NAME, 1)
    with closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        for name in (DOCUMENTS, f"{DOCUMENTS}.previous"):
            (state / name).write_bytes(b"torn")
        province.publish(topics.KEYRING, keyring.issue(Keyring(9, 1, (UNDATED_KEY,)), KEYRING_OFFICER), retain=True)
        province.entries_until(1)
        province.receipt(log_of(made), exact(made, 1, 1))
        agent.until(lambda it: it.counters["receipted_registered"] == 1)


def test_birth_and_last_will_are_retained(state: Path, broker: Broker, province: Province) -> None:
    with closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        assert province.next(STATUS).payload == b'{"state": "online"}'
        break_off(agent.link)
        assert province.next(STATUS).payload == b'{"state": "offline"}'
        assert province.next(STATUS).payload == b'{"state": "online"}', "and it comes back by itself"
        with closing(Listener(broker, (STATUS,))) as late:
            arrived = late.next(STATUS)
            assert (arrived.payload, arrived.retained) == (b'{"state": "online"}', True)
    assert status_message(identity.load(state), "offline").retain


def test_the_outbox_may_come_later_and_be_replaced(state: Path, province: Province) -> None:
    with closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        first = filled(state / FILE_NAME, 2)
        province.entries_until(1, 2)
        for file in list(state.glob(f"{FILE_NAME}*")):
            file.rename(file.with_name(f"old-{file.name}"))
        second = filled(state / FILE_NAME, 1)
        while province.entry().header.log != log_of(second):
            pass
        province.receipt(log_of(second), exact(second, 1, 1))
        agent.until(lambda it: it.counters["receipted_registered"] == 1)
        assert log_of(first) != log_of(second)


def test_damage_in_the_outbox_is_waited_out_until_firmware_has_salvaged_it(
    state: Path, province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    made = filled(state / FILE_NAME, 200)
    data = (state / FILE_NAME).read_bytes()
    at = data.find(made[100]) // 4096 * 4096
    (state / FILE_NAME).write_bytes(data[:at] + b"\xff" * 4096 + data[at + 4096 :])
    with closing(Agent(state, replace(QUICK, window=500))) as agent:
        agent.until(lambda it: it.connected)
        note = state / f"{FILE_NAME}-damaged"
        while not note.exists():
            agent.thread.join(0.02)
            assert agent.thread.is_alive()
        with pytest.raises(OutboxDamaged):
            Recorder(state / FILE_NAME, 10**9)
        recorder, salvaged = salvage(state / FILE_NAME, 10**9, 0, 1)
        recorder.close()
        seen: set[int] = set()
        while len(seen) < salvaged.kept:
            seen.add(province.entry().header.seq)
        assert 200 in seen, "what lay behind the damage gets through"
    assert sum("damaged" in record.message for record in caplog.records) <= 3, "said, but not every second"


def test_no_log_line_holds_anything_of_an_entry(state: Path, province: Province, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    made = filled(state / FILE_NAME, 2)
    with closing(Agent(state)) as agent:
        province.entries_until(1, 2)
        province.receipt(log_of(made), replace(exact(made, 1, 2), last_hash=bytes(32)))
        agent.until(lambda it: it.counters["receipts_of_other_bytes"] == 1)
    assert caplog.records
    assert not any(made[0].hex()[:40] in record.getMessage() for record in caplog.records)


def test_stopping_is_prompt_with_and_without_a_broker(state: Path, broker: Broker) -> None:
    agent = Agent(state)
    agent.until(lambda it: it.connected)
    agent.close()
    broker.end()
    agent = Agent(state)
    agent.until(lambda it: bool(it.trouble) and "nothing listens" in it.trouble)
    agent.close()


def test_what_arrives_while_stopping_harms_nothing(state: Path) -> None:
    work: queue.SimpleQueue[Work] = queue.SimpleQueue()
    sent: list[Message] = []
    for item in (Connected(), Recorded(), Disconnected("gone"), Stop(), Connected()):
        work.put(item)
    Uplink(identity.load(state), QUICK, state, work, sent.append).run()
    assert [message.topic for message in sent] == [STATUS]


def test_events_keep_their_order() -> None:
    events = Events()
    events.put(Connected())
    events.put(Disconnected("x"))
    assert events.next(Disconnected).why == "x"
