"""`gate-agent run` as someone at a shell meets it: real processes that are stopped, killed and told what is wrong."""

from __future__ import annotations

import json
import signal
from contextlib import closing

import agent_shell
import pytest
import uplink_world
from agent_shell import enrolled, gate_agent, running
from joining_scenarios import GATES, join_at
from real_broker import Broker, Config, Listener, free_port
from sealed_examples import NAME, RECEIPTS_OFFICER, WAIT_S, filled
from soft_token import needs_softhsm, soft_token
from uplink_world import ENTRIES, RECEIPTS

from edge_agent.device import device_keys
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire import envelope, receipt
from edge_agent.wire.receipt import Range, Receipt, Status

settings, broker = agent_shell.settings, uplink_world.broker


def test_a_bad_configuration_is_told_whole_with_exit_code_2(settings: Config) -> None:
    settings.file.write_text('[agent]\nwindow = 0\ncolour = "red"\n[[lane]]\nname = "a"\n')
    for command in ("run", "status"):
        done = gate_agent(command, "--config", settings.file)
        assert done.returncode == 2
        for told in ("agent.window: 0 is not allowed; allowed is a whole number from 1 to 1000", "agent.colour", "lane[0].direction"):
            assert f"{settings.file}: {told}" in done.stderr


def test_a_device_that_is_not_enrolled_waits_for_a_ticket_until_it_is_stopped(settings: Config) -> None:
    with running(settings) as agent:
        agent.until("not enrolled: waiting for a ticket")
        agent.process.terminate()
        assert agent.process.wait(WAIT_S) == 0
    assert not (settings.state / DOCUMENTS).exists()


def test_damaged_documents_are_told_with_exit_code_2(settings: Config) -> None:
    enrolled(settings, 8883)
    for name in (DOCUMENTS, f"{DOCUMENTS}.previous"):
        (settings.state / name).write_bytes(b"torn")
    done = gate_agent("run", "--config", settings.file)
    assert done.returncode == 2
    assert "enrol this device again" in done.stderr
    status = gate_agent("status", "--config", settings.file)
    assert status.returncode == 1
    assert "enrol this device again" in status.stdout
    enrolled(settings, 8883)


@pytest.mark.parametrize("name", ["tls.key", "tls.crt", "broker-ca.crt"])
def test_a_tls_file_that_cannot_be_used_is_named(settings: Config, name: str) -> None:
    enrolled(settings, 8883)
    (settings.state / "identity" / name).write_text("torn")
    done = gate_agent("run", "--config", settings.file)
    assert done.returncode == 1
    assert name in done.stderr
    assert "Enrol this device again" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_no_broker_is_there_and_ends_promptly_when_told(settings: Config, how: signal.Signals) -> None:
    enrolled(settings, port := free_port())
    with running(settings) as agent:
        agent.until(f"broker 127.0.0.1:{port}: nothing listens there")
        second = gate_agent("run", "--config", settings.file)
        assert second.returncode == 1
        assert f"another gate-agent (process {agent.process.pid})" in second.stderr
        assert agent.end(how) == 0


@needs_softhsm
def test_a_stop_needs_no_key_and_a_start_says_that_it_is_away(settings: Config) -> None:
    with soft_token(settings.file.parent / "token") as token:
        device_keys.load_or_make(settings.state, token.uri)
        join_at(GATES[0], settings.state)
        with running(settings) as agent:
            agent.until("carrying entries")
            token.unplug()
            assert agent.end() == 0
        assert "Enrol" not in agent.log()
        done = gate_agent("run", "--config", settings.file)
        assert (done.returncode, "check that it is plugged in" in done.stderr, "Enrol" in done.stderr) == (1, True, False), done.stderr


def test_a_runtime_folder_that_cannot_be_made_is_exit_code_1(settings: Config) -> None:
    enrolled(settings, 8883)
    settings.runtime.write_text("in the way")
    done = gate_agent("run", "--config", settings.file)
    assert done.returncode == 1
    assert str(settings.runtime) in done.stderr


def test_it_carries_entries_and_takes_leave(settings: Config, broker: Broker) -> None:
    enrolled(settings, broker.port)
    made = filled(settings.state / FILE_NAME, 5)
    with closing(Listener(broker)) as province, running(settings) as agent:
        assert province.status() == ("online", None)
        log = envelope.peek(made[0]).header.log
        while envelope.peek(province.next(ENTRIES).payload).header.seq != 5:
            pass
        whole = Range(1, 5, envelope.envelope_hash(made[4]), Status.REGISTERED)
        province.publish(RECEIPTS, receipt.issue(Receipt(NAME, log, (whole,), 1), RECEIPTS_OFFICER))
        with closing(Forwarder(settings.state / FILE_NAME)) as forwarder:
            while forwarder.backlog().entries:
                agent._reader.join(0.02)
                assert agent.process.poll() is None
        shown = gate_agent("status", "--config", settings.file, "--json")
        status = json.loads(shown.stdout)
        assert shown.returncode == 1, "firmware is not running"
        assert (status["device"], status["outbox"]["waiting"], status["firmware"]) == ("bus-co/scanner-1", 0, None)
        assert status["agent"]["connected"]
        assert status["agent"]["counters"]["receipted_registered"] == 5
        assert agent.end() == 0
        assert province.status() == ("offline", "stopped")
        assert not (settings.runtime / "agent.json").exists()


def test_one_that_is_killed_is_missed_by_the_broker_and_by_status(settings: Config, broker: Broker) -> None:
    enrolled(settings, broker.port)
    with closing(Listener(broker)) as province, running(settings) as agent:
        assert province.status() == ("online", None)
        agent.until("connected to the broker")
        agent.process.kill()
        agent.process.wait(WAIT_S)
        assert province.status() == ("offline", "lost")
        assert (settings.runtime / "agent.json").exists()
        shown = gate_agent("status", "--config", settings.file)
        assert shown.returncode == 1
        assert "agent     not running: start it with `gate-agent run`" in shown.stdout


def test_it_survives_kills_at_any_moment_and_every_entry_arrives(settings: Config, broker: Broker) -> None:
    enrolled(settings, broker.port)
    made = filled(settings.state / FILE_NAME, 40)
    log = envelope.peek(made[0]).header.log
    seen: set[int] = set()
    with closing(Listener(broker)) as province:
        for enough in (9, 23, 40):
            with running(settings) as agent:
                while len(seen) < enough:
                    seq = envelope.peek(province.next(ENTRIES).payload).header.seq
                    seen.add(seq)
                    part = Range(seq, seq, envelope.envelope_hash(made[seq - 1]), Status.REGISTERED)
                    province.publish(RECEIPTS, receipt.issue(Receipt(NAME, log, (part,), 1), RECEIPTS_OFFICER))
                agent.process.kill()
    assert seen == set(range(1, 41))
