"""From the outbox to a province and back over a real broker: what is receipted is forgotten, everything else is sent again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import uplink_world
from real_broker import Broker, Events, Listener, break_off
from sealed_examples import (
    DAY,
    KEYRING_OFFICER,
    NAME,
    RECEIPTS_OFFICER,
    ROOT_PUBLIC,
    STRANGER,
    UNDATED_KEY,
    filled,
    officer,
    sealed_at,
)
from uplink_world import QUICK, RECEIPTS, STATUS, Agent, Province, exact, log_of, waits

from edge_agent.carry.connecting import Recorded, farewell
from edge_agent.device import identity, stored_keyring
from edge_agent.link.broker_link import Connected, Disconnected
from edge_agent.store.outbox import FILE_NAME
from edge_agent.store.recorder import Recorder
from edge_agent.wire import keyring, receipt, telemetry, topics
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import Keyring
from edge_agent.wire.receipt import Receipt, Status
from edge_agent.wire.topics import DeviceName

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
quick, broker, state, province = uplink_world.quick, uplink_world.broker, uplink_world.state, uplink_world.province


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


def test_birth_and_last_will_are_retained(state: Path, broker: Broker, province: Province) -> None:
    with closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        assert province.status() == ("online", None)
        break_off(agent.link)
        assert province.status() == ("offline", "lost")
        assert province.status() == ("online", None), "and it comes back by itself"
        with closing(Listener(broker, (STATUS,))) as late:
            arrived = late.next(STATUS)
            assert (telemetry.decode_status(arrived.payload).state, arrived.retained) == ("online", True)
    assert farewell(identity.load(state), "stopped").retain


def test_no_log_line_holds_anything_of_an_entry(state: Path, province: Province, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    made = filled(state / FILE_NAME, 2)
    with closing(Agent(state)) as agent:
        province.entries_until(1, 2)
        province.receipt(log_of(made), replace(exact(made, 1, 2), last_hash=bytes(32)))
        agent.until(lambda it: it.counters["receipts_of_other_bytes"] == 1)
    assert caplog.records
    assert not any(made[0].hex()[:40] in record.getMessage() for record in caplog.records)


def test_events_keep_their_order() -> None:
    events = Events()
    events.put(Connected())
    events.put(Disconnected("x"))
    assert events.next(Disconnected).why == "x"
