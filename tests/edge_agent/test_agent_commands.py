"""`gate-agent` as someone at a shell meets it: real processes, exit codes, messages and never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from real_broker import Authority, Broker, Config, Listener, bundle, config, free_port, write_bundle
from sealed_examples import NAME, RECEIPTS_OFFICER, WAIT_S, filled

from edge_agent import envelope, receipt
from edge_agent.control import SOCKET_NAME
from edge_agent.documents import FILE_NAME as DOCUMENTS
from edge_agent.forwarder import Forwarder
from edge_agent.outbox import FILE_NAME
from edge_agent.receipt import Range, Receipt, Status
from edge_agent.topics import Leaf

ROOT = Path(__file__).parents[2]
AGENT = [sys.executable, "-m", "edge_agent"]
AUTHORITY = Authority()
STATUS = NAME.topic(Leaf.STATUS)


# It becomes nobody only once everything is loaded: the environment may lie where nobody may not look.
BECOMING_NOBODY = """
import os, sys
import edge_agent.run_command, edge_agent.status_command
from edge_agent.__main__ import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main())
"""
AS_NOBODY = (sys.executable, "-c", BECOMING_NOBODY)


def gate_agent(*words: object, command: Sequence[str] = AGENT) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*command, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config(tmp_path)


def enrolled(settings: Config, port: int) -> Config:
    done = gate_agent("enrol", write_bundle(settings.file.parent, bundle(AUTHORITY, port)), "--config", settings.file)
    assert done.returncode == 0, done.stderr
    return settings


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker", AUTHORITY)
    broker.start()
    yield broker
    broker.end()


class Running:
    """`gate-agent run`, its log read as it comes."""

    def __init__(self, settings: Config) -> None:
        self.process = subprocess.Popen([*AGENT, "run", "--config", str(settings.file)], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def until(self, text: str) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self._ended or text in self.log(), WAIT_S), self.log()
            assert text in self.log(), self.log()

    def log(self) -> str:
        return "".join(self._lines)

    def end(self, how: signal.Signals = signal.SIGTERM, within_s: float = 5.0) -> int:
        self.process.send_signal(how)
        code = self.process.wait(within_s)
        self._reader.join(WAIT_S)
        assert "Traceback" not in self.log()
        return code


@contextmanager
def running(settings: Config) -> Iterator[Running]:
    agent = Running(settings)
    try:
        yield agent
    finally:
        if agent.process.poll() is None:
            agent.process.kill()
        agent.process.wait(WAIT_S)
        agent._reader.join(WAIT_S)
        assert agent.process.stderr is not None
        agent.process.stderr.close()


# ── enrol ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_enrolling_says_where_and_what_to_do_with_the_file(settings: Config) -> None:
    file = write_bundle(settings.file.parent, bundle(AUTHORITY, 8883))
    done = gate_agent("enrol", file, "--config", settings.file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"bus-co/scanner-1 enrolled at Chợ Bến Thành, Cổng Nam. Now destroy {file}.\n"
    again = gate_agent("enrol", file, "--state", settings.state)
    assert again.returncode == 0, "the same device is renewed"


def test_a_bad_bundle_or_configuration_is_exit_code_2(settings: Config, tmp_path: Path) -> None:
    fields = bundle(AUTHORITY, 8883)
    del fields["root"]
    done = gate_agent("enrol", write_bundle(tmp_path, fields), "--config", settings.file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing or wrong: root" in done.stderr
    done = gate_agent("enrol", tmp_path / "missing", "--config", settings.file)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    done = gate_agent("enrol", tmp_path / "x", "--config", tmp_path / "missing.toml")
    assert done.returncode == 2
    assert "no such file" in done.stderr


def test_a_state_folder_that_refuses_is_exit_code_1(settings: Config, tmp_path: Path) -> None:
    enrolled(settings, 8883)
    fields = bundle(AUTHORITY, 8883) | {"device": "scanner-2"}
    fields["tls_key_pem"], fields["tls_certificate_pem"] = AUTHORITY.issue("bus-co/scanner-2")
    done = gate_agent("enrol", write_bundle(tmp_path, fields), "--config", settings.file)
    assert done.returncode == 1
    assert "enrolled as bus-co/scanner-1" in done.stderr
    (tmp_path / "file").touch()
    done = gate_agent("enrol", write_bundle(tmp_path, fields), "--state", tmp_path / "file")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


# ── run ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


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
        assert province.next(STATUS).payload == b'{"state": "online"}'
        log = envelope.peek(made[0]).header.log
        while envelope.peek(province.next(NAME.topic(Leaf.ENTRIES)).payload).header.seq != 5:
            pass
        whole = Range(1, 5, envelope.envelope_hash(made[4]), Status.REGISTERED)
        province.publish(NAME.topic(Leaf.RECEIPTS), receipt.issue(Receipt(NAME, log, (whole,), 1), RECEIPTS_OFFICER))
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
        assert province.next(STATUS).payload == b'{"state": "offline"}'
        assert not (settings.runtime / "agent.json").exists()


def test_one_that_is_killed_is_missed_by_the_broker_and_by_status(settings: Config, broker: Broker) -> None:
    enrolled(settings, broker.port)
    with closing(Listener(broker)) as province, running(settings) as agent:
        assert province.next(STATUS).payload == b'{"state": "online"}'
        agent.until("connected to the broker")
        agent.process.kill()
        agent.process.wait(WAIT_S)
        assert province.next(STATUS).payload == b'{"state": "offline"}'
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
                    seq = envelope.peek(province.next(NAME.topic(Leaf.ENTRIES)).payload).header.seq
                    seen.add(seq)
                    part = Range(seq, seq, envelope.envelope_hash(made[seq - 1]), Status.REGISTERED)
                    province.publish(NAME.topic(Leaf.RECEIPTS), receipt.issue(Receipt(NAME, log, (part,), 1), RECEIPTS_OFFICER))
                agent.process.kill()
    assert seen == set(range(1, 41))


# ── status and the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_of_a_new_device_says_what_to_do(settings: Config) -> None:
    done = gate_agent("status", "--config", settings.file)
    assert done.returncode == 1
    for told in ("gate-agent enrol BUNDLE", "gate-firmware makes it when it starts", "gate-agent run", "gate-firmware run"):
        assert told in done.stdout


def test_status_shows_what_waits(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 3)
    done = gate_agent("status", "--config", settings.file, "--json")
    outbox = json.loads(done.stdout)["outbox"]
    assert outbox["waiting"] == 3
    assert outbox["oldest_age_s"] > 0
    assert outbox["head"]["seq"] == 3


@pytest.mark.parametrize("content", [b"torn", os.urandom(9000)], ids=["short", "garbage"])
def test_status_of_a_damaged_outbox_is_told(settings: Config, content: bytes) -> None:
    enrolled(settings, 8883)
    (settings.state / FILE_NAME).write_bytes(content)
    done = gate_agent("status", "--config", settings.file)
    assert done.returncode == 1
    assert "damaged" in done.stdout


def test_status_survives_entries_and_status_files_of_another_shape(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 1, lambda _spot: b"not an envelope")
    settings.runtime.mkdir()
    for content in ("", "[]", "{}", '{"pid": "x"}', '{"pid": -5}', "null"):
        (settings.runtime / "agent.json").write_text(content)
        done = gate_agent("status", "--config", settings.file)
        assert done.returncode == 1
        assert "agent     not running" in done.stdout
        assert "outbox    application/vnd.gate-scanner.entry+cbor: not a COSE_Sign1" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_someone_who_may_not_read_is_told_so(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 1)
    for folder in [settings.file.parent, *settings.file.parent.parents]:
        if folder.owner() == "root" and folder.name.startswith(("pytest", "test", "popen")):
            folder.chmod(0o755)
    settings.file.chmod(0o644)
    for command, code in (("status", 1), ("run", 2)):
        done = gate_agent(command, "--config", settings.file, command=AS_NOBODY)
        assert done.returncode == code, done.stderr
        assert "Permission denied" in done.stdout + done.stderr
        assert "own user" in done.stdout + done.stderr


def test_help_shows_what_to_type() -> None:
    done = gate_agent("--help")
    assert done.returncode == 0
    assert "gate-agent enrol gate-1.bundle.json" in done.stdout
    assert gate_agent().returncode == 2


def test_a_reader_who_leaves_early_is_no_fault(settings: Config) -> None:
    with subprocess.Popen(
        [*AGENT, "status", "--config", str(settings.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_the_sockets_name_is_what_firmware_serves() -> None:
    assert SOCKET_NAME == "control.sock"
