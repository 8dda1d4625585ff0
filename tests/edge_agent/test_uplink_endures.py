"""What the uplink outlives: a broker that is killed, damaged files, an outbox that comes late or is replaced; and how it stops."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import uplink_world
from real_broker import Broker
from sealed_examples import KEYRING_OFFICER, UNDATED_KEY, filled
from uplink_world import QUICK, STATUS, Agent, Province, exact, log_of

from edge_agent.carry.connecting import Recorded, Stop, Work
from edge_agent.carry.intake import Intake
from edge_agent.carry.uplink import Uplink
from edge_agent.device import identity
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.link.broker_link import Connected, Disconnected, Message
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged
from edge_agent.store.pages import PAGE_BYTES
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage
from edge_agent.wire import keyring, topics
from edge_agent.wire.keyring import Keyring

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
quick, broker, state, province = uplink_world.quick, uplink_world.broker, uplink_world.state, uplink_world.province


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
    at = data.find(made[100]) // PAGE_BYTES * PAGE_BYTES
    (state / FILE_NAME).write_bytes(data[:at] + b"\xff" * PAGE_BYTES + data[at + PAGE_BYTES :])
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


def test_stopping_is_prompt_with_and_without_a_broker(state: Path, broker: Broker) -> None:
    agent = Agent(state)
    agent.until(lambda it: it.connected)
    agent.close()
    broker.end()
    agent = Agent(state)
    agent.until(lambda it: bool(it.trouble) and "nothing listens" in it.trouble)
    agent.close()


def test_what_arrives_while_stopping_harms_nothing(state: Path) -> None:
    work: Intake[Work] = Intake()
    sent: list[Message] = []
    for item in (Connected(), Recorded(), Disconnected("gone"), Stop(), Connected()):
        work.put(item)
    Uplink(identity.load(state), QUICK, state, work, sent.append).run()
    assert [message.topic for message in sent] == [STATUS]
