"""The process lock, the control socket's words, the log lines, and what a command prints."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import WAIT_S, thorough

from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.device.control import MAX_MESSAGE_BYTES, SOCKET_NAME, BadMessage, ControlClient, ask_counters, decode, encode
from edge_agent.shell import status_command

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from edge_agent.base.process_lock import ProcessLock
lock = ProcessLock(Path(sys.argv[1]), "x")
print(1, flush=True)
sys.stdin.read()
"""

# ── process lock ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_at_a_time(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path / "lock", "gate-agent")
    with pytest.raises(AlreadyRunning, match=f"another gate-agent \\(process {os.getpid()}\\)"):
        ProcessLock(tmp_path / "lock", "gate-agent")
    lock.release()
    ProcessLock(tmp_path / "lock", "gate-agent").release()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(AlreadyRunning, match=str(holder.pid)):
            ProcessLock(tmp_path / "lock", "x")
        holder.send_signal(signal.SIGKILL)
    ProcessLock(tmp_path / "lock", "x").release()


def test_a_longer_number_before_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999999999")
    ProcessLock(tmp_path / "lock", "x").release()
    assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_full_disk_does_not_keep_the_agent_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge_agent.base.process_lock.os.write", full)
    lock = ProcessLock(tmp_path / "lock", "x")
    with pytest.raises(AlreadyRunning, match="process unknown"):
        ProcessLock(tmp_path / "lock", "x")
    lock.release()


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="check the disk"):
        ProcessLock(tmp_path / "missing" / "lock", "x")


# ── control socket ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(message=st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none(), max_size=5), kind=texts)
@thorough
def test_a_message_comes_back(message: dict[str, object], kind: str) -> None:
    assert decode(encode({**message, "type": kind})) == {**message, "type": kind}


@given(data=st.binary(max_size=200) | texts.map(str.encode) | st.just(b"[" * 30_000) | st.just(b"9" * 10_000))
@thorough
def test_anything_else_is_a_bad_message_and_nothing_worse(data: bytes) -> None:
    try:
        message = decode(data)
    except BadMessage:
        return
    assert isinstance(message["type"], str)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"type": 5}', b'{"type": null}', b'"type"', b"{", b"\xff"])
def test_a_message_is_an_object_with_a_type(data: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(data)


def test_messages_are_bounded_both_ways() -> None:
    with pytest.raises(BadMessage, match="at most"):
        encode({"type": "x" * MAX_MESSAGE_BYTES})
    with pytest.raises(BadMessage, match="longer"):
        decode(b" " * (MAX_MESSAGE_BYTES + 1))
    assert decode(json.dumps({"type": "x" * (MAX_MESSAGE_BYTES - 12)}).encode())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(tmp_path / SOCKET_NAME))
        server.listen(1)
        yield server


def test_a_client_reads_messages_until_firmware_closes(tmp_path: Path, server: socket.socket) -> None:
    with closing(ControlClient(tmp_path, WAIT_S)) as client:
        there, _address = server.accept()
        with there:
            client.send({"type": "counters"})
            assert decode(there.recv(1000)) == {"type": "counters"}
            for kind in ("a", "b"):
                there.send(encode({"type": kind}))
        assert [message["type"] for message in client.messages()] == ["a", "b"]
        assert client.receive() is None


def test_a_client_refuses_what_is_too_long_instead_of_reading_a_part(tmp_path: Path, server: socket.socket) -> None:
    with closing(ControlClient(tmp_path, WAIT_S)) as client:
        there, _address = server.accept()
        with there:
            there.send(b'{"type": "x"}' + b" " * MAX_MESSAGE_BYTES)
            with pytest.raises(BadMessage):
                client.receive()


@pytest.mark.usefixtures("server")
def test_a_client_does_not_wait_for_ever(tmp_path: Path) -> None:
    with closing(ControlClient(tmp_path, 0.01)) as client, pytest.raises(TimeoutError):
        client.receive()


def test_shut_ends_a_client_that_waits_in_another_thread(tmp_path: Path, server: socket.socket) -> None:
    with closing(ControlClient(tmp_path)) as client:
        there, _address = server.accept()
        with there:
            waiting = threading.Thread(target=lambda: list(client.messages()))
            waiting.start()
            client.shut()
            waiting.join(WAIT_S)
            assert not waiting.is_alive()


def test_counters_are_asked_for_and_picked_out(tmp_path: Path, server: socket.socket) -> None:
    def serve() -> None:
        there, _address = server.accept()
        with there:
            there.recv(1000)
            for message in ({"type": "passage"}, {"type": "counters", "answers": {"accepted": 3}}):
                there.send(encode(message))

    answering = threading.Thread(target=serve)
    answering.start()
    assert ask_counters(tmp_path) == {"type": "counters", "answers": {"accepted": 3}}
    answering.join(WAIT_S)


@pytest.mark.usefixtures("server")
def test_firmware_that_is_away_or_silent_has_no_counters(tmp_path: Path) -> None:
    assert ask_counters(tmp_path, 0.01) is None
    assert ask_counters(tmp_path / "missing") is None


# ── what a command prints ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_came_from_outside_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "gate.toml"
    lane = '[[lane]]\nname = "a"\ndirection = "in"\nreader = "serial:/dev/nope"\n'
    config.write_text(f'[device]\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n{lane}')
    status = {"pid": os.getpid(), "connected": False, "trouble": "refused: \x1b[2J\u202e", "counters": {}}
    (tmp_path / "agent.json").write_text(json.dumps(status))
    assert status_command.run(argparse.Namespace(config=config, json=False)) == 1
    assert "agent     refused: \\x1b[2J\\u202e\n" in capsys.readouterr().out
    assert status_command.run(argparse.Namespace(config=config, json=True)) == 1
    assert json.loads(capsys.readouterr().out)["agent"] == status
